// Original file: proto/parameters.proto


export interface VectorHeader {
  'name'?: (string);
  'elements'?: (number);
  'version'?: (number);
  'headEpoch'?: (number);
}

export interface VectorHeader__Output {
  'name': (string);
  'elements': (number);
  'version': (number);
  'headEpoch': (number);
}
