// Original file: proto/memory.proto


export interface MemoryHeader {
  'layoutHash'?: (string);
  'step'?: (number);
  'shard'?: (number);
  'generation'?: (number);
}

export interface MemoryHeader__Output {
  'layoutHash': (string);
  'step': (number);
  'shard': (number);
  'generation': (number);
}
