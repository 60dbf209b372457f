// Original file: proto/coordinator.proto


export interface FillMemory {
  'shard'?: (number);
}

export interface FillMemory__Output {
  'shard': (number);
}
