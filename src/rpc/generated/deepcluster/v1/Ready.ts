// Original file: proto/coordinator.proto

import type { Holding as _deepcluster_v1_Holding, Holding__Output as _deepcluster_v1_Holding__Output } from '../../deepcluster/v1/Holding.ts';

export interface Ready {
  'dataDigest'?: (string);
  'imageCount'?: (number);
  'engine'?: (string);
  'layoutJson'?: (string);
  'layoutHash'?: (string);
  'featureName'?: (string);
  'featureDim'?: (number);
  'holdings'?: (_deepcluster_v1_Holding)[];
  'representationName'?: (string);
}

export interface Ready__Output {
  'dataDigest': (string);
  'imageCount': (number);
  'engine': (string);
  'layoutJson': (string);
  'layoutHash': (string);
  'featureName': (string);
  'featureDim': (number);
  'holdings': (_deepcluster_v1_Holding__Output)[];
  'representationName': (string);
}
