// Original file: proto/parameters.proto

import type { VectorHeader as _deepcluster_v1_VectorHeader, VectorHeader__Output as _deepcluster_v1_VectorHeader__Output } from '../../deepcluster/v1/VectorHeader.ts';
import type { VectorChunk as _deepcluster_v1_VectorChunk, VectorChunk__Output as _deepcluster_v1_VectorChunk__Output } from '../../deepcluster/v1/VectorChunk.ts';

export interface VectorMessage {
  'header'?: (_deepcluster_v1_VectorHeader | null);
  'chunk'?: (_deepcluster_v1_VectorChunk | null);
  'message'?: "header"|"chunk";
}

export interface VectorMessage__Output {
  'header'?: (_deepcluster_v1_VectorHeader__Output | null);
  'chunk'?: (_deepcluster_v1_VectorChunk__Output | null);
  'message'?: "header"|"chunk";
}
