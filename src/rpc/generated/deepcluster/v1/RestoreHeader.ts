// Original file: proto/parameters.proto


export interface RestoreHeader {
  'layoutJson'?: (string);
  'trainingJson'?: (string);
  'seed'?: (number);
  'fromSnapshot'?: (boolean);
}

export interface RestoreHeader__Output {
  'layoutJson': (string);
  'trainingJson': (string);
  'seed': (number);
  'fromSnapshot': (boolean);
}
