// Original file: proto/parameters.proto


export interface CommitSlice {
  'slice'?: (number);
  'generation'?: (number);
}

export interface CommitSlice__Output {
  'slice': (number);
  'generation': (number);
}
