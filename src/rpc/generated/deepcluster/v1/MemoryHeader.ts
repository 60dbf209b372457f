// Original file: proto/memory.proto


export interface MemoryHeader {
  'planHash'?: (string);
  'step'?: (number);
  'shard'?: (number);
  'generation'?: (number);
  'term'?: (number);
}

export interface MemoryHeader__Output {
  'planHash': (string);
  'step': (number);
  'shard': (number);
  'generation': (number);
  'term': (number);
}
