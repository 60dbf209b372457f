// Original file: proto/coordinator.proto


export interface ServerHello {
  'protocolVersion'?: (number);
  'part'?: (number);
  'incarnation'?: (string);
  'pid'?: (number);
  'address'?: (string);
}

export interface ServerHello__Output {
  'protocolVersion': (number);
  'part': (number);
  'incarnation': (string);
  'pid': (number);
  'address': (string);
}
