// Original file: proto/parameters.proto


export interface PullRequest {
  'layoutHash'?: (string);
  'version'?: (number);
}

export interface PullRequest__Output {
  'layoutHash': (string);
  'version': (number);
}
