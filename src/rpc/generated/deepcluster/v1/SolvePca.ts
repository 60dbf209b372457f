// Original file: proto/coordinator.proto


export interface SolvePca {
  'momentsArtifact'?: (string);
}

export interface SolvePca__Output {
  'momentsArtifact': (string);
}
