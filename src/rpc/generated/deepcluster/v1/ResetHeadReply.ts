// Original file: proto/parameters.proto


export interface ResetHeadReply {
  'version'?: (number);
}

export interface ResetHeadReply__Output {
  'version': (number);
}
