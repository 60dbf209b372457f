// Original file: proto/work.proto


export interface ShareRows {
  'shard'?: (number);
}

export interface ShareRows__Output {
  'shard': (number);
}
