// Original file: proto/work.proto


export interface Assign {
  'shard'?: (number);
  'centroidsArtifact'?: (string);
  'finalMetric'?: (string);
  'labelsArtifact'?: (string);
}

export interface Assign__Output {
  'shard': (number);
  'centroidsArtifact': (string);
  'finalMetric': (string);
  'labelsArtifact': (string);
}
