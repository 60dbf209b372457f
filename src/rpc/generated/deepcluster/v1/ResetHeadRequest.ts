// Original file: proto/parameters.proto


export interface ResetHeadRequest {
  'layoutHash'?: (string);
  'epoch'?: (number);
}

export interface ResetHeadRequest__Output {
  'layoutHash': (string);
  'epoch': (number);
}
