// Original file: proto/parameters.proto


export interface PullRequest {
  'planHash'?: (string);
  'version'?: (number);
  'term'?: (number);
  'host'?: (string);
}

export interface PullRequest__Output {
  'planHash': (string);
  'version': (number);
  'term': (number);
  'host': (string);
}
