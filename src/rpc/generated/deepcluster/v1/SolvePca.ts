// Original file: proto/work.proto


export interface SolvePca {
  'momentsArtifact'?: (string);
}

export interface SolvePca__Output {
  'momentsArtifact': (string);
}
