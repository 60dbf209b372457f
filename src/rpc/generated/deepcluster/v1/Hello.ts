// Original file: proto/coordinator.proto


export interface Hello {
  'protocolVersion'?: (number);
  'workerId'?: (string);
  'incarnation'?: (string);
  'pid'?: (number);
}

export interface Hello__Output {
  'protocolVersion': (number);
  'workerId': (string);
  'incarnation': (string);
  'pid': (number);
}
