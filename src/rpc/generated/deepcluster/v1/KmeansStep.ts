// Original file: proto/work.proto


export interface KmeansStep {
  'centroidsArtifact'?: (string);
  'shards'?: (number)[];
}

export interface KmeansStep__Output {
  'centroidsArtifact': (string);
  'shards': (number)[];
}
