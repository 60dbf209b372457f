import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { ArtifactRequest as _deepcluster_v1_ArtifactRequest, ArtifactRequest__Output as _deepcluster_v1_ArtifactRequest__Output } from './deepcluster/v1/ArtifactRequest.ts';
import type { Assign as _deepcluster_v1_Assign, Assign__Output as _deepcluster_v1_Assign__Output } from './deepcluster/v1/Assign.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from './deepcluster/v1/Chunk.ts';
import type { CoordinatorClient as _deepcluster_v1_CoordinatorClient, CoordinatorDefinition as _deepcluster_v1_CoordinatorDefinition } from './deepcluster/v1/Coordinator.ts';
import type { CoordinatorMessage as _deepcluster_v1_CoordinatorMessage, CoordinatorMessage__Output as _deepcluster_v1_CoordinatorMessage__Output } from './deepcluster/v1/CoordinatorMessage.ts';
import type { Evaluate as _deepcluster_v1_Evaluate, Evaluate__Output as _deepcluster_v1_Evaluate__Output } from './deepcluster/v1/Evaluate.ts';
import type { Extract as _deepcluster_v1_Extract, Extract__Output as _deepcluster_v1_Extract__Output } from './deepcluster/v1/Extract.ts';
import type { Failure as _deepcluster_v1_Failure, Failure__Output as _deepcluster_v1_Failure__Output } from './deepcluster/v1/Failure.ts';
import type { FillMemory as _deepcluster_v1_FillMemory, FillMemory__Output as _deepcluster_v1_FillMemory__Output } from './deepcluster/v1/FillMemory.ts';
import type { HeartbeatReply as _deepcluster_v1_HeartbeatReply, HeartbeatReply__Output as _deepcluster_v1_HeartbeatReply__Output } from './deepcluster/v1/HeartbeatReply.ts';
import type { HeartbeatRequest as _deepcluster_v1_HeartbeatRequest, HeartbeatRequest__Output as _deepcluster_v1_HeartbeatRequest__Output } from './deepcluster/v1/HeartbeatRequest.ts';
import type { Hello as _deepcluster_v1_Hello, Hello__Output as _deepcluster_v1_Hello__Output } from './deepcluster/v1/Hello.ts';
import type { Holding as _deepcluster_v1_Holding, Holding__Output as _deepcluster_v1_Holding__Output } from './deepcluster/v1/Holding.ts';
import type { KmeansStep as _deepcluster_v1_KmeansStep, KmeansStep__Output as _deepcluster_v1_KmeansStep__Output } from './deepcluster/v1/KmeansStep.ts';
import type { Moments as _deepcluster_v1_Moments, Moments__Output as _deepcluster_v1_Moments__Output } from './deepcluster/v1/Moments.ts';
import type { Order as _deepcluster_v1_Order, Order__Output as _deepcluster_v1_Order__Output } from './deepcluster/v1/Order.ts';
import type { Project as _deepcluster_v1_Project, Project__Output as _deepcluster_v1_Project__Output } from './deepcluster/v1/Project.ts';
import type { Ready as _deepcluster_v1_Ready, Ready__Output as _deepcluster_v1_Ready__Output } from './deepcluster/v1/Ready.ts';
import type { Refused as _deepcluster_v1_Refused, Refused__Output as _deepcluster_v1_Refused__Output } from './deepcluster/v1/Refused.ts';
import type { ResultHeader as _deepcluster_v1_ResultHeader, ResultHeader__Output as _deepcluster_v1_ResultHeader__Output } from './deepcluster/v1/ResultHeader.ts';
import type { ResultMessage as _deepcluster_v1_ResultMessage, ResultMessage__Output as _deepcluster_v1_ResultMessage__Output } from './deepcluster/v1/ResultMessage.ts';
import type { ResultReply as _deepcluster_v1_ResultReply, ResultReply__Output as _deepcluster_v1_ResultReply__Output } from './deepcluster/v1/ResultReply.ts';
import type { SampleRows as _deepcluster_v1_SampleRows, SampleRows__Output as _deepcluster_v1_SampleRows__Output } from './deepcluster/v1/SampleRows.ts';
import type { Samples as _deepcluster_v1_Samples, Samples__Output as _deepcluster_v1_Samples__Output } from './deepcluster/v1/Samples.ts';
import type { ServerBeat as _deepcluster_v1_ServerBeat, ServerBeat__Output as _deepcluster_v1_ServerBeat__Output } from './deepcluster/v1/ServerBeat.ts';
import type { ServerHello as _deepcluster_v1_ServerHello, ServerHello__Output as _deepcluster_v1_ServerHello__Output } from './deepcluster/v1/ServerHello.ts';
import type { ServerLeaving as _deepcluster_v1_ServerLeaving, ServerLeaving__Output as _deepcluster_v1_ServerLeaving__Output } from './deepcluster/v1/ServerLeaving.ts';
import type { ServerMessage as _deepcluster_v1_ServerMessage, ServerMessage__Output as _deepcluster_v1_ServerMessage__Output } from './deepcluster/v1/ServerMessage.ts';
import type { ServerOrder as _deepcluster_v1_ServerOrder, ServerOrder__Output as _deepcluster_v1_ServerOrder__Output } from './deepcluster/v1/ServerOrder.ts';
import type { SolvePca as _deepcluster_v1_SolvePca, SolvePca__Output as _deepcluster_v1_SolvePca__Output } from './deepcluster/v1/SolvePca.ts';
import type { StatusReply as _deepcluster_v1_StatusReply, StatusReply__Output as _deepcluster_v1_StatusReply__Output } from './deepcluster/v1/StatusReply.ts';
import type { StatusRequest as _deepcluster_v1_StatusRequest, StatusRequest__Output as _deepcluster_v1_StatusRequest__Output } from './deepcluster/v1/StatusRequest.ts';
import type { Stop as _deepcluster_v1_Stop, Stop__Output as _deepcluster_v1_Stop__Output } from './deepcluster/v1/Stop.ts';
import type { TrainSlice as _deepcluster_v1_TrainSlice, TrainSlice__Output as _deepcluster_v1_TrainSlice__Output } from './deepcluster/v1/TrainSlice.ts';
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
      Assign: MessageTypeDefinition<_deepcluster_v1_Assign, _deepcluster_v1_Assign__Output>
      Chunk: MessageTypeDefinition<_deepcluster_v1_Chunk, _deepcluster_v1_Chunk__Output>
      Coordinator: SubtypeConstructor<typeof grpc.Client, _deepcluster_v1_CoordinatorClient> & { service: _deepcluster_v1_CoordinatorDefinition }
      CoordinatorMessage: MessageTypeDefinition<_deepcluster_v1_CoordinatorMessage, _deepcluster_v1_CoordinatorMessage__Output>
      Evaluate: MessageTypeDefinition<_deepcluster_v1_Evaluate, _deepcluster_v1_Evaluate__Output>
      Extract: MessageTypeDefinition<_deepcluster_v1_Extract, _deepcluster_v1_Extract__Output>
      Failure: MessageTypeDefinition<_deepcluster_v1_Failure, _deepcluster_v1_Failure__Output>
      FillMemory: MessageTypeDefinition<_deepcluster_v1_FillMemory, _deepcluster_v1_FillMemory__Output>
      HeartbeatReply: MessageTypeDefinition<_deepcluster_v1_HeartbeatReply, _deepcluster_v1_HeartbeatReply__Output>
      HeartbeatRequest: MessageTypeDefinition<_deepcluster_v1_HeartbeatRequest, _deepcluster_v1_HeartbeatRequest__Output>
      Hello: MessageTypeDefinition<_deepcluster_v1_Hello, _deepcluster_v1_Hello__Output>
      Holding: MessageTypeDefinition<_deepcluster_v1_Holding, _deepcluster_v1_Holding__Output>
      KmeansStep: MessageTypeDefinition<_deepcluster_v1_KmeansStep, _deepcluster_v1_KmeansStep__Output>
      Moments: MessageTypeDefinition<_deepcluster_v1_Moments, _deepcluster_v1_Moments__Output>
      Order: MessageTypeDefinition<_deepcluster_v1_Order, _deepcluster_v1_Order__Output>
      Project: MessageTypeDefinition<_deepcluster_v1_Project, _deepcluster_v1_Project__Output>
      Ready: MessageTypeDefinition<_deepcluster_v1_Ready, _deepcluster_v1_Ready__Output>
      Refused: MessageTypeDefinition<_deepcluster_v1_Refused, _deepcluster_v1_Refused__Output>
      ResultHeader: MessageTypeDefinition<_deepcluster_v1_ResultHeader, _deepcluster_v1_ResultHeader__Output>
      ResultMessage: MessageTypeDefinition<_deepcluster_v1_ResultMessage, _deepcluster_v1_ResultMessage__Output>
      ResultReply: MessageTypeDefinition<_deepcluster_v1_ResultReply, _deepcluster_v1_ResultReply__Output>
      SampleRows: MessageTypeDefinition<_deepcluster_v1_SampleRows, _deepcluster_v1_SampleRows__Output>
      Samples: MessageTypeDefinition<_deepcluster_v1_Samples, _deepcluster_v1_Samples__Output>
      ServerBeat: MessageTypeDefinition<_deepcluster_v1_ServerBeat, _deepcluster_v1_ServerBeat__Output>
      ServerHello: MessageTypeDefinition<_deepcluster_v1_ServerHello, _deepcluster_v1_ServerHello__Output>
      ServerLeaving: MessageTypeDefinition<_deepcluster_v1_ServerLeaving, _deepcluster_v1_ServerLeaving__Output>
      ServerMessage: MessageTypeDefinition<_deepcluster_v1_ServerMessage, _deepcluster_v1_ServerMessage__Output>
      ServerOrder: MessageTypeDefinition<_deepcluster_v1_ServerOrder, _deepcluster_v1_ServerOrder__Output>
      SolvePca: MessageTypeDefinition<_deepcluster_v1_SolvePca, _deepcluster_v1_SolvePca__Output>
      StatusReply: MessageTypeDefinition<_deepcluster_v1_StatusReply, _deepcluster_v1_StatusReply__Output>
      StatusRequest: MessageTypeDefinition<_deepcluster_v1_StatusRequest, _deepcluster_v1_StatusRequest__Output>
      Stop: MessageTypeDefinition<_deepcluster_v1_Stop, _deepcluster_v1_Stop__Output>
      TrainSlice: MessageTypeDefinition<_deepcluster_v1_TrainSlice, _deepcluster_v1_TrainSlice__Output>
      Unreadable: MessageTypeDefinition<_deepcluster_v1_Unreadable, _deepcluster_v1_Unreadable__Output>
      Wait: MessageTypeDefinition<_deepcluster_v1_Wait, _deepcluster_v1_Wait__Output>
      Welcome: MessageTypeDefinition<_deepcluster_v1_Welcome, _deepcluster_v1_Welcome__Output>
      WorkerMessage: MessageTypeDefinition<_deepcluster_v1_WorkerMessage, _deepcluster_v1_WorkerMessage__Output>
      WorkerStatus: MessageTypeDefinition<_deepcluster_v1_WorkerStatus, _deepcluster_v1_WorkerStatus__Output>
    }
  }
}

