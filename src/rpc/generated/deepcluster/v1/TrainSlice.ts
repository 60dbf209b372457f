// Original file: proto/work.proto

import type { SliceDraws as _deepcluster_v1_SliceDraws, SliceDraws__Output as _deepcluster_v1_SliceDraws__Output } from '../../deepcluster/v1/SliceDraws.ts';
import type { LocalRule as _deepcluster_v1_LocalRule, LocalRule__Output as _deepcluster_v1_LocalRule__Output } from '../../deepcluster/v1/LocalRule.ts';

export interface TrainSlice {
  'step'?: (number);
  'slice'?: (number);
  'centroidVersion'?: (number);
  'slices'?: (number);
  'stepSlices'?: (number);
  'parts'?: (_deepcluster_v1_SliceDraws)[];
  'upcoming'?: (_deepcluster_v1_SliceDraws)[];
  'local'?: (_deepcluster_v1_LocalRule | null);
}

export interface TrainSlice__Output {
  'step': (number);
  'slice': (number);
  'centroidVersion': (number);
  'slices': (number);
  'stepSlices': (number);
  'parts': (_deepcluster_v1_SliceDraws__Output)[];
  'upcoming': (_deepcluster_v1_SliceDraws__Output)[];
  'local': (_deepcluster_v1_LocalRule__Output | null);
}
