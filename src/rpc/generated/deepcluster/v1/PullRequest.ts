// Original file: proto/parameters.proto

import type { Codec as _deepcluster_v1_Codec, Codec__Output as _deepcluster_v1_Codec__Output } from '../../deepcluster/v1/Codec.ts';

export interface PullRequest {
  'planHash'?: (string);
  'version'?: (number);
  'term'?: (number);
  'host'?: (string);
  'codec'?: (_deepcluster_v1_Codec);
}

export interface PullRequest__Output {
  'planHash': (string);
  'version': (number);
  'term': (number);
  'host': (string);
  'codec': (_deepcluster_v1_Codec__Output);
}
