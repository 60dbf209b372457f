// Original file: proto/coordinator.proto


export interface Evaluate {
  'network'?: (string);
}

export interface Evaluate__Output {
  'network': (string);
}
