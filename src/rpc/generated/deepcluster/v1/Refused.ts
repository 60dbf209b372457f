// Original file: proto/coordinator.proto


export interface Refused {
  'reason'?: (string);
  'exitCode'?: (number);
}

export interface Refused__Output {
  'reason': (string);
  'exitCode': (number);
}
