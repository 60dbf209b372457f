// Original file: proto/parameters.proto

import type { MemoryShape as _deepcluster_v1_MemoryShape, MemoryShape__Output as _deepcluster_v1_MemoryShape__Output } from '../../deepcluster/v1/MemoryShape.ts';

export interface RestoreHeader {
  'layoutJson'?: (string);
  'trainingJson'?: (string);
  'seed'?: (number);
  'fromSnapshot'?: (boolean);
  'memory'?: (_deepcluster_v1_MemoryShape | null);
  'parts'?: (number);
  'part'?: (number);
  'term'?: (number);
}

export interface RestoreHeader__Output {
  'layoutJson': (string);
  'trainingJson': (string);
  'seed': (number);
  'fromSnapshot': (boolean);
  'memory': (_deepcluster_v1_MemoryShape__Output | null);
  'parts': (number);
  'part': (number);
  'term': (number);
}
