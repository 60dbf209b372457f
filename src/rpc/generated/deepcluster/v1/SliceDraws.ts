// Original file: proto/work.proto

import type { Samples as _deepcluster_v1_Samples, Samples__Output as _deepcluster_v1_Samples__Output } from '../../deepcluster/v1/Samples.ts';

export interface SliceDraws {
  'slice'?: (number);
  'samples'?: (_deepcluster_v1_Samples | null);
}

export interface SliceDraws__Output {
  'slice': (number);
  'samples': (_deepcluster_v1_Samples__Output | null);
}
