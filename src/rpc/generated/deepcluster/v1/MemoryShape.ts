// Original file: proto/memory.proto


export interface MemoryShape {
  'first'?: (number);
  'stride'?: (number);
  'count'?: (number);
  'dim'?: (number);
  'classes'?: (number);
}

export interface MemoryShape__Output {
  'first': (number);
  'stride': (number);
  'count': (number);
  'dim': (number);
  'classes': (number);
}
