// Original file: proto/work.proto


export interface Moments {
  'shard'?: (number);
}

export interface Moments__Output {
  'shard': (number);
}
