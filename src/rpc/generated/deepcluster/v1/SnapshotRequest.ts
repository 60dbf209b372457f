// Original file: proto/parameters.proto


export interface SnapshotRequest {
  'layoutHash'?: (string);
}

export interface SnapshotRequest__Output {
  'layoutHash': (string);
}
