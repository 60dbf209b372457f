// Original file: proto/work.proto


export interface Evaluate {
  'network'?: (string);
  'leftOut'?: (number)[];
}

export interface Evaluate__Output {
  'network': (string);
  'leftOut': (number)[];
}
