// Original file: proto/coordinator.proto

import type { Hello as _deepcluster_v1_Hello, Hello__Output as _deepcluster_v1_Hello__Output } from '../../deepcluster/v1/Hello.ts';
import type { Ready as _deepcluster_v1_Ready, Ready__Output as _deepcluster_v1_Ready__Output } from '../../deepcluster/v1/Ready.ts';

export interface WorkerMessage {
  'hello'?: (_deepcluster_v1_Hello | null);
  'ready'?: (_deepcluster_v1_Ready | null);
  'message'?: "hello"|"ready";
}

export interface WorkerMessage__Output {
  'hello'?: (_deepcluster_v1_Hello__Output | null);
  'ready'?: (_deepcluster_v1_Ready__Output | null);
  'message'?: "hello"|"ready";
}
