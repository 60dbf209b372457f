// Original file: proto/coordinator.proto


export interface Wait {
  'reason'?: (string);
}

export interface Wait__Output {
  'reason': (string);
}
