// Original file: proto/memory.proto

import type { MemoryHeader as _deepcluster_v1_MemoryHeader, MemoryHeader__Output as _deepcluster_v1_MemoryHeader__Output } from '../../deepcluster/v1/MemoryHeader.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from '../../deepcluster/v1/Chunk.ts';

export interface MemoryMessage {
  'header'?: (_deepcluster_v1_MemoryHeader | null);
  'chunk'?: (_deepcluster_v1_Chunk | null);
  'message'?: "header"|"chunk";
}

export interface MemoryMessage__Output {
  'header'?: (_deepcluster_v1_MemoryHeader__Output | null);
  'chunk'?: (_deepcluster_v1_Chunk__Output | null);
  'message'?: "header"|"chunk";
}
