// Original file: proto/work.proto

import type { SliceDraws as _deepcluster_v1_SliceDraws, SliceDraws__Output as _deepcluster_v1_SliceDraws__Output } from '../../deepcluster/v1/SliceDraws.ts';

export interface TrainSlice {
  'step'?: (number);
  'slice'?: (number);
  'centroidVersion'?: (number);
  'slices'?: (number);
  'stepSlices'?: (number);
  'parts'?: (_deepcluster_v1_SliceDraws)[];
  'upcoming'?: (_deepcluster_v1_SliceDraws)[];
}

export interface TrainSlice__Output {
  'step': (number);
  'slice': (number);
  'centroidVersion': (number);
  'slices': (number);
  'stepSlices': (number);
  'parts': (_deepcluster_v1_SliceDraws__Output)[];
  'upcoming': (_deepcluster_v1_SliceDraws__Output)[];
}
