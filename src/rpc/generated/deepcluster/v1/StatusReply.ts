// Original file: proto/coordinator.proto

import type { WorkerStatus as _deepcluster_v1_WorkerStatus, WorkerStatus__Output as _deepcluster_v1_WorkerStatus__Output } from '../../deepcluster/v1/WorkerStatus.ts';

export interface StatusReply {
  'runId'?: (string);
  'phase'?: (string);
  'epoch'?: (number);
  'epochs'?: (number);
  'step'?: (number);
  'workers'?: (_deepcluster_v1_WorkerStatus)[];
  'lastLoss'?: (number | string);
  'paused'?: (string);
  'term'?: (number);
  'collapsed'?: (string);
}

export interface StatusReply__Output {
  'runId': (string);
  'phase': (string);
  'epoch': (number);
  'epochs': (number);
  'step': (number);
  'workers': (_deepcluster_v1_WorkerStatus__Output)[];
  'lastLoss': (number);
  'paused': (string);
  'term': (number);
  'collapsed': (string);
}
