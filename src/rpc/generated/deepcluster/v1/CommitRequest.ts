// Original file: proto/parameters.proto

import type { CommitSlice as _deepcluster_v1_CommitSlice, CommitSlice__Output as _deepcluster_v1_CommitSlice__Output } from '../../deepcluster/v1/CommitSlice.ts';

export interface CommitRequest {
  'planHash'?: (string);
  'step'?: (number);
  'slices'?: (_deepcluster_v1_CommitSlice)[];
  'learningRateFactor'?: (number | string);
  'term'?: (number);
}

export interface CommitRequest__Output {
  'planHash': (string);
  'step': (number);
  'slices': (_deepcluster_v1_CommitSlice__Output)[];
  'learningRateFactor': (number);
  'term': (number);
}
