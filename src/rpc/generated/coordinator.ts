import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { ArtifactRequest as _deepcluster_v1_ArtifactRequest, ArtifactRequest__Output as _deepcluster_v1_ArtifactRequest__Output } from './deepcluster/v1/ArtifactRequest.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from './deepcluster/v1/Chunk.ts';
import type { CoordinatorClient as _deepcluster_v1_CoordinatorClient, CoordinatorDefinition as _deepcluster_v1_CoordinatorDefinition } from './deepcluster/v1/Coordinator.ts';
import type { CoordinatorMessage as _deepcluster_v1_CoordinatorMessage, CoordinatorMessage__Output as _deepcluster_v1_CoordinatorMessage__Output } from './deepcluster/v1/CoordinatorMessage.ts';
import type { Failure as _deepcluster_v1_Failure, Failure__Output as _deepcluster_v1_Failure__Output } from './deepcluster/v1/Failure.ts';
import type { HeartbeatReply as _deepcluster_v1_HeartbeatReply, HeartbeatReply__Output as _deepcluster_v1_HeartbeatReply__Output } from './deepcluster/v1/HeartbeatReply.ts';
import type { HeartbeatRequest as _deepcluster_v1_HeartbeatRequest, HeartbeatRequest__Output as _deepcluster_v1_HeartbeatRequest__Output } from './deepcluster/v1/HeartbeatRequest.ts';
import type { Hello as _deepcluster_v1_Hello, Hello__Output as _deepcluster_v1_Hello__Output } from './deepcluster/v1/Hello.ts';
import type { Holding as _deepcluster_v1_Holding, Holding__Output as _deepcluster_v1_Holding__Output } from './deepcluster/v1/Holding.ts';
import type { Order as _deepcluster_v1_Order, Order__Output as _deepcluster_v1_Order__Output } from './deepcluster/v1/Order.ts';
import type { Ready as _deepcluster_v1_Ready, Ready__Output as _deepcluster_v1_Ready__Output } from './deepcluster/v1/Ready.ts';
import type { Refused as _deepcluster_v1_Refused, Refused__Output as _deepcluster_v1_Refused__Output } from './deepcluster/v1/Refused.ts';
import type { ResultHeader as _deepcluster_v1_ResultHeader, ResultHeader__Output as _deepcluster_v1_ResultHeader__Output } from './deepcluster/v1/ResultHeader.ts';
import type { ResultMessage as _deepcluster_v1_ResultMessage, ResultMessage__Output as _deepcluster_v1_ResultMessage__Output } from './deepcluster/v1/ResultMessage.ts';
import type { ResultReply as _deepcluster_v1_ResultReply, ResultReply__Output as _deepcluster_v1_ResultReply__Output } from './deepcluster/v1/ResultReply.ts';
import type { ServerBeat as _deepcluster_v1_ServerBeat, ServerBeat__Output as _deepcluster_v1_ServerBeat__Output } from './deepcluster/v1/ServerBeat.ts';
import type { ServerHello as _deepcluster_v1_ServerHello, ServerHello__Output as _deepcluster_v1_ServerHello__Output } from './deepcluster/v1/ServerHello.ts';
import type { ServerLeaving as _deepcluster_v1_ServerLeaving, ServerLeaving__Output as _deepcluster_v1_ServerLeaving__Output } from './deepcluster/v1/ServerLeaving.ts';
import type { ServerMessage as _deepcluster_v1_ServerMessage, ServerMessage__Output as _deepcluster_v1_ServerMessage__Output } from './deepcluster/v1/ServerMessage.ts';
import type { ServerOrder as _deepcluster_v1_ServerOrder, ServerOrder__Output as _deepcluster_v1_ServerOrder__Output } from './deepcluster/v1/ServerOrder.ts';
import type { StatusReply as _deepcluster_v1_StatusReply, StatusReply__Output as _deepcluster_v1_StatusReply__Output } from './deepcluster/v1/StatusReply.ts';
import type { StatusRequest as _deepcluster_v1_StatusRequest, StatusRequest__Output as _deepcluster_v1_StatusRequest__Output } from './deepcluster/v1/StatusRequest.ts';
import type { Stop as _deepcluster_v1_Stop, Stop__Output as _deepcluster_v1_Stop__Output } from './deepcluster/v1/Stop.ts';
import type { Unreadable as _deepcluster_v1_Unreadable, Unreadable__Output as _deepcluster_v1_Unreadable__Output } from './deepcluster/v1/Unreadable.ts';
import type { Wait as _deepcluster_v1_Wait, Wait__Output as _deepcluster_v1_Wait__Output } from './deepcluster/v1/Wait.ts';
import type { Welcome as _deepcluster_v1_Welcome, Welcome__Output as _deepcluster_v1_Welcome__Output } from './deepcluster/v1/Welcome.ts';
import type { WorkerMessage as _deepcluster_v1_WorkerMessage, WorkerMessage__Output as _deepcluster_v1_WorkerMessage__Output } from './deepcluster/v1/WorkerMessage.ts';
import type { WorkerStatus as _deepcluster_v1_WorkerStatus, WorkerStatus__Output as _deepcluster_v1_WorkerStatus__Output } from './deepcluster/v1/WorkerStatus.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  deepcluster: {
    v1: {
      ArtifactRequest: MessageTypeDefinition<_deepcluster_v1_ArtifactRequest, _deepcluster_v1_ArtifactRequest__Output>
      Chunk: MessageTypeDefinition<_deepcluster_v1_Chunk, _deepcluster_v1_Chunk__Output>
      Coordinator: SubtypeConstructor<typeof grpc.Client, _deepcluster_v1_CoordinatorClient> & { service: _deepcluster_v1_CoordinatorDefinition }
      CoordinatorMessage: MessageTypeDefinition<_deepcluster_v1_CoordinatorMessage, _deepcluster_v1_CoordinatorMessage__Output>
      Failure: MessageTypeDefinition<_deepcluster_v1_Failure, _deepcluster_v1_Failure__Output>
      HeartbeatReply: MessageTypeDefinition<_deepcluster_v1_HeartbeatReply, _deepcluster_v1_HeartbeatReply__Output>
      HeartbeatRequest: MessageTypeDefinition<_deepcluster_v1_HeartbeatRequest, _deepcluster_v1_HeartbeatRequest__Output>
      Hello: MessageTypeDefinition<_deepcluster_v1_Hello, _deepcluster_v1_Hello__Output>
      Holding: MessageTypeDefinition<_deepcluster_v1_Holding, _deepcluster_v1_Holding__Output>
      Order: MessageTypeDefinition<_deepcluster_v1_Order, _deepcluster_v1_Order__Output>
      Ready: MessageTypeDefinition<_deepcluster_v1_Ready, _deepcluster_v1_Ready__Output>
      Refused: MessageTypeDefinition<_deepcluster_v1_Refused, _deepcluster_v1_Refused__Output>
      ResultHeader: MessageTypeDefinition<_deepcluster_v1_ResultHeader, _deepcluster_v1_ResultHeader__Output>
      ResultMessage: MessageTypeDefinition<_deepcluster_v1_ResultMessage, _deepcluster_v1_ResultMessage__Output>
      ResultReply: MessageTypeDefinition<_deepcluster_v1_ResultReply, _deepcluster_v1_ResultReply__Output>
      ServerBeat: MessageTypeDefinition<_deepcluster_v1_ServerBeat, _deepcluster_v1_ServerBeat__Output>
      ServerHello: MessageTypeDefinition<_deepcluster_v1_ServerHello, _deepcluster_v1_ServerHello__Output>
      ServerLeaving: MessageTypeDefinition<_deepcluster_v1_ServerLeaving, _deepcluster_v1_ServerLeaving__Output>
      ServerMessage: MessageTypeDefinition<_deepcluster_v1_ServerMessage, _deepcluster_v1_ServerMessage__Output>
      ServerOrder: MessageTypeDefinition<_deepcluster_v1_ServerOrder, _deepcluster_v1_ServerOrder__Output>
      StatusReply: MessageTypeDefinition<_deepcluster_v1_StatusReply, _deepcluster_v1_StatusReply__Output>
      StatusRequest: MessageTypeDefinition<_deepcluster_v1_StatusRequest, _deepcluster_v1_StatusRequest__Output>
      Stop: MessageTypeDefinition<_deepcluster_v1_Stop, _deepcluster_v1_Stop__Output>
      Unreadable: MessageTypeDefinition<_deepcluster_v1_Unreadable, _deepcluster_v1_Unreadable__Output>
      Wait: MessageTypeDefinition<_deepcluster_v1_Wait, _deepcluster_v1_Wait__Output>
      Welcome: MessageTypeDefinition<_deepcluster_v1_Welcome, _deepcluster_v1_Welcome__Output>
      WorkerMessage: MessageTypeDefinition<_deepcluster_v1_WorkerMessage, _deepcluster_v1_WorkerMessage__Output>
      WorkerStatus: MessageTypeDefinition<_deepcluster_v1_WorkerStatus, _deepcluster_v1_WorkerStatus__Output>
    }
  }
}

