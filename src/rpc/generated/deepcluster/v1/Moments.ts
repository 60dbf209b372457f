// Original file: proto/coordinator.proto


export interface Moments {
  'shard'?: (number);
}

export interface Moments__Output {
  'shard': (number);
}
