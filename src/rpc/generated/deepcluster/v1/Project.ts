// Original file: proto/work.proto


export interface Project {
  'shard'?: (number);
  'whiteningArtifact'?: (string);
  'parts'?: (number);
  'part'?: (number);
}

export interface Project__Output {
  'shard': (number);
  'whiteningArtifact': (string);
  'parts': (number);
  'part': (number);
}
