// Original file: proto/coordinator.proto

import type { ServerHello as _deepcluster_v1_ServerHello, ServerHello__Output as _deepcluster_v1_ServerHello__Output } from '../../deepcluster/v1/ServerHello.ts';
import type { ServerBeat as _deepcluster_v1_ServerBeat, ServerBeat__Output as _deepcluster_v1_ServerBeat__Output } from '../../deepcluster/v1/ServerBeat.ts';
import type { ServerLeaving as _deepcluster_v1_ServerLeaving, ServerLeaving__Output as _deepcluster_v1_ServerLeaving__Output } from '../../deepcluster/v1/ServerLeaving.ts';

export interface ServerMessage {
  'hello'?: (_deepcluster_v1_ServerHello | null);
  'beat'?: (_deepcluster_v1_ServerBeat | null);
  'leaving'?: (_deepcluster_v1_ServerLeaving | null);
  'message'?: "hello"|"beat"|"leaving";
}

export interface ServerMessage__Output {
  'hello'?: (_deepcluster_v1_ServerHello__Output | null);
  'beat'?: (_deepcluster_v1_ServerBeat__Output | null);
  'leaving'?: (_deepcluster_v1_ServerLeaving__Output | null);
  'message'?: "hello"|"beat"|"leaving";
}
