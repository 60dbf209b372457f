// Original file: proto/work.proto

import type { Samples as _deepcluster_v1_Samples, Samples__Output as _deepcluster_v1_Samples__Output } from '../../deepcluster/v1/Samples.ts';

export interface TrainSlice {
  'step'?: (number);
  'slice'?: (number);
  'samples'?: (_deepcluster_v1_Samples | null);
  'upcoming'?: (_deepcluster_v1_Samples | null);
  'centroidVersion'?: (number);
}

export interface TrainSlice__Output {
  'step': (number);
  'slice': (number);
  'samples': (_deepcluster_v1_Samples__Output | null);
  'upcoming': (_deepcluster_v1_Samples__Output | null);
  'centroidVersion': (number);
}
