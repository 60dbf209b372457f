// Original file: proto/parameters.proto


export interface ResetHeadRequest {
  'planHash'?: (string);
  'epoch'?: (number);
  'term'?: (number);
}

export interface ResetHeadRequest__Output {
  'planHash': (string);
  'epoch': (number);
  'term': (number);
}
