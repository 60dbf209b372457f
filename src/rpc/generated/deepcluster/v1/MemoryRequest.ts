// Original file: proto/memory.proto


export interface MemoryRequest {
  'planHash'?: (string);
  'step'?: (number);
  'term'?: (number);
}

export interface MemoryRequest__Output {
  'planHash': (string);
  'step': (number);
  'term': (number);
}
