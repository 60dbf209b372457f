// Original file: proto/coordinator.proto

import type { ServerHello as _deepcluster_v1_ServerHello, ServerHello__Output as _deepcluster_v1_ServerHello__Output } from '../../deepcluster/v1/ServerHello.ts';
import type { ServerBeat as _deepcluster_v1_ServerBeat, ServerBeat__Output as _deepcluster_v1_ServerBeat__Output } from '../../deepcluster/v1/ServerBeat.ts';

export interface ServerMessage {
  'hello'?: (_deepcluster_v1_ServerHello | null);
  'beat'?: (_deepcluster_v1_ServerBeat | null);
  'message'?: "hello"|"beat";
}

export interface ServerMessage__Output {
  'hello'?: (_deepcluster_v1_ServerHello__Output | null);
  'beat'?: (_deepcluster_v1_ServerBeat__Output | null);
  'message'?: "hello"|"beat";
}
