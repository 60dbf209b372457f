// Original file: proto/parameters.proto


export interface PullRequest {
  'planHash'?: (string);
  'version'?: (number);
  'term'?: (number);
}

export interface PullRequest__Output {
  'planHash': (string);
  'version': (number);
  'term': (number);
}
