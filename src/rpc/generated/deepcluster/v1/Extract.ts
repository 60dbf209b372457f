// Original file: proto/work.proto


export interface Extract {
  'shard'?: (number);
  'begin'?: (number);
  'end'?: (number);
  'leftOut'?: (number)[];
  'rows'?: (string);
}

export interface Extract__Output {
  'shard': (number);
  'begin': (number);
  'end': (number);
  'leftOut': (number)[];
  'rows': (string);
}
