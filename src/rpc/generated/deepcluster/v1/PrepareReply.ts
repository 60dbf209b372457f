// Original file: proto/parameters.proto


export interface PrepareReply {
  'missing'?: (number)[];
}

export interface PrepareReply__Output {
  'missing': (number)[];
}
