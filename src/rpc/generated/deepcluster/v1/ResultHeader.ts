// Original file: proto/coordinator.proto

import type { Unreadable as _deepcluster_v1_Unreadable, Unreadable__Output as _deepcluster_v1_Unreadable__Output } from '../../deepcluster/v1/Unreadable.ts';
import type { Failure as _deepcluster_v1_Failure, Failure__Output as _deepcluster_v1_Failure__Output } from '../../deepcluster/v1/Failure.ts';

export interface ResultHeader {
  'leaseId'?: (string);
  'generation'?: (number);
  'workerId'?: (string);
  'incarnation'?: (string);
  'unreadable'?: (_deepcluster_v1_Unreadable)[];
  'failure'?: (_deepcluster_v1_Failure | null);
  'seconds'?: (number | string);
  'samples'?: (number);
  'residentRows'?: (number);
  'repeatedPush'?: (boolean);
  'viewWaitSeconds'?: (number | string);
  'computeSeconds'?: (number | string);
  'damaged'?: (_deepcluster_v1_Unreadable)[];
  'lossSums'?: (number | string)[];
}

export interface ResultHeader__Output {
  'leaseId': (string);
  'generation': (number);
  'workerId': (string);
  'incarnation': (string);
  'unreadable': (_deepcluster_v1_Unreadable__Output)[];
  'failure': (_deepcluster_v1_Failure__Output | null);
  'seconds': (number);
  'samples': (number);
  'residentRows': (number);
  'repeatedPush': (boolean);
  'viewWaitSeconds': (number);
  'computeSeconds': (number);
  'damaged': (_deepcluster_v1_Unreadable__Output)[];
  'lossSums': (number)[];
}
