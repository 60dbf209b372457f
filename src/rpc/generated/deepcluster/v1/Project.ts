// Original file: proto/work.proto


export interface Project {
  'shard'?: (number);
  'whiteningArtifact'?: (string);
}

export interface Project__Output {
  'shard': (number);
  'whiteningArtifact': (string);
}
