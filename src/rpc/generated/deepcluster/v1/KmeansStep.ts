// Original file: proto/work.proto


export interface KmeansStep {
  'shard'?: (number);
  'centroidsArtifact'?: (string);
}

export interface KmeansStep__Output {
  'shard': (number);
  'centroidsArtifact': (string);
}
