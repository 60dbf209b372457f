// Original file: proto/work.proto


export interface FillMemory {
  'shard'?: (number);
}

export interface FillMemory__Output {
  'shard': (number);
}
