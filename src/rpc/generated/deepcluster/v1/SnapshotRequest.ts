// Original file: proto/parameters.proto


export interface SnapshotRequest {
  'planHash'?: (string);
  'term'?: (number);
}

export interface SnapshotRequest__Output {
  'planHash': (string);
  'term': (number);
}
