// Original file: proto/parameters.proto

import type { RestoreHeader as _deepcluster_v1_RestoreHeader, RestoreHeader__Output as _deepcluster_v1_RestoreHeader__Output } from '../../deepcluster/v1/RestoreHeader.ts';
import type { VectorHeader as _deepcluster_v1_VectorHeader, VectorHeader__Output as _deepcluster_v1_VectorHeader__Output } from '../../deepcluster/v1/VectorHeader.ts';
import type { VectorChunk as _deepcluster_v1_VectorChunk, VectorChunk__Output as _deepcluster_v1_VectorChunk__Output } from '../../deepcluster/v1/VectorChunk.ts';

export interface RestoreMessage {
  'header'?: (_deepcluster_v1_RestoreHeader | null);
  'vector'?: (_deepcluster_v1_VectorHeader | null);
  'chunk'?: (_deepcluster_v1_VectorChunk | null);
  'message'?: "header"|"vector"|"chunk";
}

export interface RestoreMessage__Output {
  'header'?: (_deepcluster_v1_RestoreHeader__Output | null);
  'vector'?: (_deepcluster_v1_VectorHeader__Output | null);
  'chunk'?: (_deepcluster_v1_VectorChunk__Output | null);
  'message'?: "header"|"vector"|"chunk";
}
