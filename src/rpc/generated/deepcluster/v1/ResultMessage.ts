// Original file: proto/coordinator.proto

import type { ResultHeader as _deepcluster_v1_ResultHeader, ResultHeader__Output as _deepcluster_v1_ResultHeader__Output } from '../../deepcluster/v1/ResultHeader.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from '../../deepcluster/v1/Chunk.ts';

export interface ResultMessage {
  'header'?: (_deepcluster_v1_ResultHeader | null);
  'chunk'?: (_deepcluster_v1_Chunk | null);
  'message'?: "header"|"chunk";
}

export interface ResultMessage__Output {
  'header'?: (_deepcluster_v1_ResultHeader__Output | null);
  'chunk'?: (_deepcluster_v1_Chunk__Output | null);
  'message'?: "header"|"chunk";
}
