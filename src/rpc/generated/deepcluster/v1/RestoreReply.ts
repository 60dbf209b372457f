// Original file: proto/parameters.proto


export interface RestoreReply {
  'version'?: (number);
}

export interface RestoreReply__Output {
  'version': (number);
}
