// Original file: proto/coordinator.proto


export interface ArtifactRequest {
  'name'?: (string);
  'workerId'?: (string);
  'incarnation'?: (string);
}

export interface ArtifactRequest__Output {
  'name': (string);
  'workerId': (string);
  'incarnation': (string);
}
