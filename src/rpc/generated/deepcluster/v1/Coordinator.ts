// Original file: proto/coordinator.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ArtifactRequest as _deepcluster_v1_ArtifactRequest, ArtifactRequest__Output as _deepcluster_v1_ArtifactRequest__Output } from '../../deepcluster/v1/ArtifactRequest.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from '../../deepcluster/v1/Chunk.ts';
import type { CoordinatorMessage as _deepcluster_v1_CoordinatorMessage, CoordinatorMessage__Output as _deepcluster_v1_CoordinatorMessage__Output } from '../../deepcluster/v1/CoordinatorMessage.ts';
import type { HeartbeatReply as _deepcluster_v1_HeartbeatReply, HeartbeatReply__Output as _deepcluster_v1_HeartbeatReply__Output } from '../../deepcluster/v1/HeartbeatReply.ts';
import type { HeartbeatRequest as _deepcluster_v1_HeartbeatRequest, HeartbeatRequest__Output as _deepcluster_v1_HeartbeatRequest__Output } from '../../deepcluster/v1/HeartbeatRequest.ts';
import type { ResultMessage as _deepcluster_v1_ResultMessage, ResultMessage__Output as _deepcluster_v1_ResultMessage__Output } from '../../deepcluster/v1/ResultMessage.ts';
import type { ResultReply as _deepcluster_v1_ResultReply, ResultReply__Output as _deepcluster_v1_ResultReply__Output } from '../../deepcluster/v1/ResultReply.ts';
import type { ServerMessage as _deepcluster_v1_ServerMessage, ServerMessage__Output as _deepcluster_v1_ServerMessage__Output } from '../../deepcluster/v1/ServerMessage.ts';
import type { ServerOrder as _deepcluster_v1_ServerOrder, ServerOrder__Output as _deepcluster_v1_ServerOrder__Output } from '../../deepcluster/v1/ServerOrder.ts';
import type { StatusReply as _deepcluster_v1_StatusReply, StatusReply__Output as _deepcluster_v1_StatusReply__Output } from '../../deepcluster/v1/StatusReply.ts';
import type { StatusRequest as _deepcluster_v1_StatusRequest, StatusRequest__Output as _deepcluster_v1_StatusRequest__Output } from '../../deepcluster/v1/StatusRequest.ts';
import type { WorkerMessage as _deepcluster_v1_WorkerMessage, WorkerMessage__Output as _deepcluster_v1_WorkerMessage__Output } from '../../deepcluster/v1/WorkerMessage.ts';

export interface CoordinatorClient extends grpc.Client {
  FetchArtifact(argument: _deepcluster_v1_ArtifactRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  FetchArtifact(argument: _deepcluster_v1_ArtifactRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  fetchArtifact(argument: _deepcluster_v1_ArtifactRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  fetchArtifact(argument: _deepcluster_v1_ArtifactRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  
  Heartbeat(argument: _deepcluster_v1_HeartbeatRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_HeartbeatReply__Output>): grpc.ClientUnaryCall;
  Heartbeat(argument: _deepcluster_v1_HeartbeatRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_HeartbeatReply__Output>): grpc.ClientUnaryCall;
  Heartbeat(argument: _deepcluster_v1_HeartbeatRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_HeartbeatReply__Output>): grpc.ClientUnaryCall;
  Heartbeat(argument: _deepcluster_v1_HeartbeatRequest, callback: grpc.requestCallback<_deepcluster_v1_HeartbeatReply__Output>): grpc.ClientUnaryCall;
  heartbeat(argument: _deepcluster_v1_HeartbeatRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_HeartbeatReply__Output>): grpc.ClientUnaryCall;
  heartbeat(argument: _deepcluster_v1_HeartbeatRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_HeartbeatReply__Output>): grpc.ClientUnaryCall;
  heartbeat(argument: _deepcluster_v1_HeartbeatRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_HeartbeatReply__Output>): grpc.ClientUnaryCall;
  heartbeat(argument: _deepcluster_v1_HeartbeatRequest, callback: grpc.requestCallback<_deepcluster_v1_HeartbeatReply__Output>): grpc.ClientUnaryCall;
  
  ServerSession(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_deepcluster_v1_ServerMessage, _deepcluster_v1_ServerOrder__Output>;
  ServerSession(options?: grpc.CallOptions): grpc.ClientDuplexStream<_deepcluster_v1_ServerMessage, _deepcluster_v1_ServerOrder__Output>;
  serverSession(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_deepcluster_v1_ServerMessage, _deepcluster_v1_ServerOrder__Output>;
  serverSession(options?: grpc.CallOptions): grpc.ClientDuplexStream<_deepcluster_v1_ServerMessage, _deepcluster_v1_ServerOrder__Output>;
  
  Session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_deepcluster_v1_WorkerMessage, _deepcluster_v1_CoordinatorMessage__Output>;
  Session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_deepcluster_v1_WorkerMessage, _deepcluster_v1_CoordinatorMessage__Output>;
  session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_deepcluster_v1_WorkerMessage, _deepcluster_v1_CoordinatorMessage__Output>;
  session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_deepcluster_v1_WorkerMessage, _deepcluster_v1_CoordinatorMessage__Output>;
  
  Status(argument: _deepcluster_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  Status(argument: _deepcluster_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  Status(argument: _deepcluster_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  Status(argument: _deepcluster_v1_StatusRequest, callback: grpc.requestCallback<_deepcluster_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  status(argument: _deepcluster_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  status(argument: _deepcluster_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  status(argument: _deepcluster_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  status(argument: _deepcluster_v1_StatusRequest, callback: grpc.requestCallback<_deepcluster_v1_StatusReply__Output>): grpc.ClientUnaryCall;
  
  SubmitResult(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_ResultReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_ResultMessage>;
  SubmitResult(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_ResultReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_ResultMessage>;
  SubmitResult(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_ResultReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_ResultMessage>;
  SubmitResult(callback: grpc.requestCallback<_deepcluster_v1_ResultReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_ResultMessage>;
  submitResult(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_ResultReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_ResultMessage>;
  submitResult(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_ResultReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_ResultMessage>;
  submitResult(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_ResultReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_ResultMessage>;
  submitResult(callback: grpc.requestCallback<_deepcluster_v1_ResultReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_ResultMessage>;
  
}

export interface CoordinatorHandlers extends grpc.UntypedServiceImplementation {
  FetchArtifact: grpc.handleServerStreamingCall<_deepcluster_v1_ArtifactRequest__Output, _deepcluster_v1_Chunk>;
  
  Heartbeat: grpc.handleUnaryCall<_deepcluster_v1_HeartbeatRequest__Output, _deepcluster_v1_HeartbeatReply>;
  
  ServerSession: grpc.handleBidiStreamingCall<_deepcluster_v1_ServerMessage__Output, _deepcluster_v1_ServerOrder>;
  
  Session: grpc.handleBidiStreamingCall<_deepcluster_v1_WorkerMessage__Output, _deepcluster_v1_CoordinatorMessage>;
  
  Status: grpc.handleUnaryCall<_deepcluster_v1_StatusRequest__Output, _deepcluster_v1_StatusReply>;
  
  SubmitResult: grpc.handleClientStreamingCall<_deepcluster_v1_ResultMessage__Output, _deepcluster_v1_ResultReply>;
  
}

export interface CoordinatorDefinition extends grpc.ServiceDefinition {
  FetchArtifact: MethodDefinition<_deepcluster_v1_ArtifactRequest, _deepcluster_v1_Chunk, _deepcluster_v1_ArtifactRequest__Output, _deepcluster_v1_Chunk__Output>
  Heartbeat: MethodDefinition<_deepcluster_v1_HeartbeatRequest, _deepcluster_v1_HeartbeatReply, _deepcluster_v1_HeartbeatRequest__Output, _deepcluster_v1_HeartbeatReply__Output>
  ServerSession: MethodDefinition<_deepcluster_v1_ServerMessage, _deepcluster_v1_ServerOrder, _deepcluster_v1_ServerMessage__Output, _deepcluster_v1_ServerOrder__Output>
  Session: MethodDefinition<_deepcluster_v1_WorkerMessage, _deepcluster_v1_CoordinatorMessage, _deepcluster_v1_WorkerMessage__Output, _deepcluster_v1_CoordinatorMessage__Output>
  Status: MethodDefinition<_deepcluster_v1_StatusRequest, _deepcluster_v1_StatusReply, _deepcluster_v1_StatusRequest__Output, _deepcluster_v1_StatusReply__Output>
  SubmitResult: MethodDefinition<_deepcluster_v1_ResultMessage, _deepcluster_v1_ResultReply, _deepcluster_v1_ResultMessage__Output, _deepcluster_v1_ResultReply__Output>
}
