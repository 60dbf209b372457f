// Original file: proto/parameters.proto


export interface VectorChunk {
  'offset'?: (number);
  'values'?: (Buffer | Uint8Array | string);
}

export interface VectorChunk__Output {
  'offset': (number);
  'values': (Buffer);
}
