// Original file: proto/parameters.proto


export interface Segment {
  'host'?: (string);
  'process'?: (number);
  'descriptor'?: (number);
  'key'?: (string);
  'elements'?: (number);
  'offset'?: (number);
  'sequence'?: (number);
}

export interface Segment__Output {
  'host': (string);
  'process': (number);
  'descriptor': (number);
  'key': (string);
  'elements': (number);
  'offset': (number);
  'sequence': (number);
}
