// Original file: proto/parameters.proto

import type { PushHeader as _deepcluster_v1_PushHeader, PushHeader__Output as _deepcluster_v1_PushHeader__Output } from '../../deepcluster/v1/PushHeader.ts';
import type { VectorChunk as _deepcluster_v1_VectorChunk, VectorChunk__Output as _deepcluster_v1_VectorChunk__Output } from '../../deepcluster/v1/VectorChunk.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from '../../deepcluster/v1/Chunk.ts';

export interface PushMessage {
  'header'?: (_deepcluster_v1_PushHeader | null);
  'gradient'?: (_deepcluster_v1_VectorChunk | null);
  'statistics'?: (_deepcluster_v1_VectorChunk | null);
  'memory'?: (_deepcluster_v1_Chunk | null);
  'message'?: "header"|"gradient"|"statistics"|"memory";
}

export interface PushMessage__Output {
  'header'?: (_deepcluster_v1_PushHeader__Output | null);
  'gradient'?: (_deepcluster_v1_VectorChunk__Output | null);
  'statistics'?: (_deepcluster_v1_VectorChunk__Output | null);
  'memory'?: (_deepcluster_v1_Chunk__Output | null);
  'message'?: "header"|"gradient"|"statistics"|"memory";
}
