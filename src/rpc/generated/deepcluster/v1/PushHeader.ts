// Original file: proto/parameters.proto

import type { Segment as _deepcluster_v1_Segment, Segment__Output as _deepcluster_v1_Segment__Output } from '../../deepcluster/v1/Segment.ts';
import type { Codec as _deepcluster_v1_Codec, Codec__Output as _deepcluster_v1_Codec__Output } from '../../deepcluster/v1/Codec.ts';

export interface PushHeader {
  'planHash'?: (string);
  'step'?: (number);
  'slice'?: (number);
  'generation'?: (number);
  'workerId'?: (string);
  'incarnation'?: (string);
  'basedOn'?: (number);
  'samples'?: (number);
  'gradientElements'?: (number);
  'statisticsElements'?: (number);
  'term'?: (number);
  'gradient'?: (_deepcluster_v1_Segment | null);
  'slices'?: (number);
  'stepSlices'?: (number);
  'codec'?: (_deepcluster_v1_Codec);
}

export interface PushHeader__Output {
  'planHash': (string);
  'step': (number);
  'slice': (number);
  'generation': (number);
  'workerId': (string);
  'incarnation': (string);
  'basedOn': (number);
  'samples': (number);
  'gradientElements': (number);
  'statisticsElements': (number);
  'term': (number);
  'gradient': (_deepcluster_v1_Segment__Output | null);
  'slices': (number);
  'stepSlices': (number);
  'codec': (_deepcluster_v1_Codec__Output);
}
