// Original file: proto/coordinator.proto

import type { Welcome as _deepcluster_v1_Welcome, Welcome__Output as _deepcluster_v1_Welcome__Output } from '../../deepcluster/v1/Welcome.ts';
import type { Order as _deepcluster_v1_Order, Order__Output as _deepcluster_v1_Order__Output } from '../../deepcluster/v1/Order.ts';
import type { Refused as _deepcluster_v1_Refused, Refused__Output as _deepcluster_v1_Refused__Output } from '../../deepcluster/v1/Refused.ts';
import type { Stop as _deepcluster_v1_Stop, Stop__Output as _deepcluster_v1_Stop__Output } from '../../deepcluster/v1/Stop.ts';
import type { Wait as _deepcluster_v1_Wait, Wait__Output as _deepcluster_v1_Wait__Output } from '../../deepcluster/v1/Wait.ts';

export interface CoordinatorMessage {
  'welcome'?: (_deepcluster_v1_Welcome | null);
  'order'?: (_deepcluster_v1_Order | null);
  'refused'?: (_deepcluster_v1_Refused | null);
  'stop'?: (_deepcluster_v1_Stop | null);
  'wait'?: (_deepcluster_v1_Wait | null);
  'message'?: "welcome"|"order"|"refused"|"stop"|"wait";
}

export interface CoordinatorMessage__Output {
  'welcome'?: (_deepcluster_v1_Welcome__Output | null);
  'order'?: (_deepcluster_v1_Order__Output | null);
  'refused'?: (_deepcluster_v1_Refused__Output | null);
  'stop'?: (_deepcluster_v1_Stop__Output | null);
  'wait'?: (_deepcluster_v1_Wait__Output | null);
  'message'?: "welcome"|"order"|"refused"|"stop"|"wait";
}
