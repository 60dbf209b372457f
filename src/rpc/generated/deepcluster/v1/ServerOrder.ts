// Original file: proto/coordinator.proto

import type { Refused as _deepcluster_v1_Refused, Refused__Output as _deepcluster_v1_Refused__Output } from '../../deepcluster/v1/Refused.ts';
import type { Stop as _deepcluster_v1_Stop, Stop__Output as _deepcluster_v1_Stop__Output } from '../../deepcluster/v1/Stop.ts';

export interface ServerOrder {
  'refused'?: (_deepcluster_v1_Refused | null);
  'stop'?: (_deepcluster_v1_Stop | null);
  'message'?: "refused"|"stop";
}

export interface ServerOrder__Output {
  'refused'?: (_deepcluster_v1_Refused__Output | null);
  'stop'?: (_deepcluster_v1_Stop__Output | null);
  'message'?: "refused"|"stop";
}
