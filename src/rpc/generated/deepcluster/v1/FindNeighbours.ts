// Original file: proto/work.proto


export interface FindNeighbours {
  'shard'?: (number);
  'rowsArtifact'?: (string);
}

export interface FindNeighbours__Output {
  'shard': (number);
  'rowsArtifact': (string);
}
