// Original file: proto/parameters.proto

import type { Segment as _deepcluster_v1_Segment, Segment__Output as _deepcluster_v1_Segment__Output } from '../../deepcluster/v1/Segment.ts';

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
}
