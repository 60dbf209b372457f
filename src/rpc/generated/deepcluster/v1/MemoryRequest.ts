// Original file: proto/memory.proto


export interface MemoryRequest {
  'layoutHash'?: (string);
  'step'?: (number);
}

export interface MemoryRequest__Output {
  'layoutHash': (string);
  'step': (number);
}
