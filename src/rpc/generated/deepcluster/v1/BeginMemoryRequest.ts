// Original file: proto/memory.proto

import type { MemoryShape as _deepcluster_v1_MemoryShape, MemoryShape__Output as _deepcluster_v1_MemoryShape__Output } from '../../deepcluster/v1/MemoryShape.ts';

export interface BeginMemoryRequest {
  'planHash'?: (string);
  'shape'?: (_deepcluster_v1_MemoryShape | null);
  'term'?: (number);
}

export interface BeginMemoryRequest__Output {
  'planHash': (string);
  'shape': (_deepcluster_v1_MemoryShape__Output | null);
  'term': (number);
}
