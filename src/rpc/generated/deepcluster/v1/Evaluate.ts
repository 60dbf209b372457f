// Original file: proto/work.proto


export interface Evaluate {
  'leftOut'?: (number)[];
  'featuresOf'?: (string);
}

export interface Evaluate__Output {
  'leftOut': (number)[];
  'featuresOf': (string);
}
