// Original file: proto/parameters.proto

import type { Segment as _deepcluster_v1_Segment, Segment__Output as _deepcluster_v1_Segment__Output } from '../../deepcluster/v1/Segment.ts';
import type { Codec as _deepcluster_v1_Codec, Codec__Output as _deepcluster_v1_Codec__Output } from '../../deepcluster/v1/Codec.ts';

export interface VectorHeader {
  'name'?: (string);
  'elements'?: (number);
  'version'?: (number);
  'headEpoch'?: (number);
  'segment'?: (_deepcluster_v1_Segment | null);
  'codec'?: (_deepcluster_v1_Codec);
}

export interface VectorHeader__Output {
  'name': (string);
  'elements': (number);
  'version': (number);
  'headEpoch': (number);
  'segment': (_deepcluster_v1_Segment__Output | null);
  'codec': (_deepcluster_v1_Codec__Output);
}
