// Original file: proto/parameters.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CommitReply as _deepcluster_v1_CommitReply, CommitReply__Output as _deepcluster_v1_CommitReply__Output } from '../../deepcluster/v1/CommitReply.ts';
import type { CommitRequest as _deepcluster_v1_CommitRequest, CommitRequest__Output as _deepcluster_v1_CommitRequest__Output } from '../../deepcluster/v1/CommitRequest.ts';
import type { PrepareReply as _deepcluster_v1_PrepareReply, PrepareReply__Output as _deepcluster_v1_PrepareReply__Output } from '../../deepcluster/v1/PrepareReply.ts';
import type { PullRequest as _deepcluster_v1_PullRequest, PullRequest__Output as _deepcluster_v1_PullRequest__Output } from '../../deepcluster/v1/PullRequest.ts';
import type { PushMessage as _deepcluster_v1_PushMessage, PushMessage__Output as _deepcluster_v1_PushMessage__Output } from '../../deepcluster/v1/PushMessage.ts';
import type { PushReply as _deepcluster_v1_PushReply, PushReply__Output as _deepcluster_v1_PushReply__Output } from '../../deepcluster/v1/PushReply.ts';
import type { ResetHeadReply as _deepcluster_v1_ResetHeadReply, ResetHeadReply__Output as _deepcluster_v1_ResetHeadReply__Output } from '../../deepcluster/v1/ResetHeadReply.ts';
import type { ResetHeadRequest as _deepcluster_v1_ResetHeadRequest, ResetHeadRequest__Output as _deepcluster_v1_ResetHeadRequest__Output } from '../../deepcluster/v1/ResetHeadRequest.ts';
import type { RestoreMessage as _deepcluster_v1_RestoreMessage, RestoreMessage__Output as _deepcluster_v1_RestoreMessage__Output } from '../../deepcluster/v1/RestoreMessage.ts';
import type { RestoreReply as _deepcluster_v1_RestoreReply, RestoreReply__Output as _deepcluster_v1_RestoreReply__Output } from '../../deepcluster/v1/RestoreReply.ts';
import type { SnapshotRequest as _deepcluster_v1_SnapshotRequest, SnapshotRequest__Output as _deepcluster_v1_SnapshotRequest__Output } from '../../deepcluster/v1/SnapshotRequest.ts';
import type { VectorMessage as _deepcluster_v1_VectorMessage, VectorMessage__Output as _deepcluster_v1_VectorMessage__Output } from '../../deepcluster/v1/VectorMessage.ts';

export interface ParametersClient extends grpc.Client {
  Commit(argument: _deepcluster_v1_CommitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_CommitReply__Output>): grpc.ClientUnaryCall;
  Commit(argument: _deepcluster_v1_CommitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_CommitReply__Output>): grpc.ClientUnaryCall;
  Commit(argument: _deepcluster_v1_CommitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_CommitReply__Output>): grpc.ClientUnaryCall;
  Commit(argument: _deepcluster_v1_CommitRequest, callback: grpc.requestCallback<_deepcluster_v1_CommitReply__Output>): grpc.ClientUnaryCall;
  commit(argument: _deepcluster_v1_CommitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_CommitReply__Output>): grpc.ClientUnaryCall;
  commit(argument: _deepcluster_v1_CommitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_CommitReply__Output>): grpc.ClientUnaryCall;
  commit(argument: _deepcluster_v1_CommitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_CommitReply__Output>): grpc.ClientUnaryCall;
  commit(argument: _deepcluster_v1_CommitRequest, callback: grpc.requestCallback<_deepcluster_v1_CommitReply__Output>): grpc.ClientUnaryCall;
  
  Prepare(argument: _deepcluster_v1_CommitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_PrepareReply__Output>): grpc.ClientUnaryCall;
  Prepare(argument: _deepcluster_v1_CommitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_PrepareReply__Output>): grpc.ClientUnaryCall;
  Prepare(argument: _deepcluster_v1_CommitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_PrepareReply__Output>): grpc.ClientUnaryCall;
  Prepare(argument: _deepcluster_v1_CommitRequest, callback: grpc.requestCallback<_deepcluster_v1_PrepareReply__Output>): grpc.ClientUnaryCall;
  prepare(argument: _deepcluster_v1_CommitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_PrepareReply__Output>): grpc.ClientUnaryCall;
  prepare(argument: _deepcluster_v1_CommitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_PrepareReply__Output>): grpc.ClientUnaryCall;
  prepare(argument: _deepcluster_v1_CommitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_PrepareReply__Output>): grpc.ClientUnaryCall;
  prepare(argument: _deepcluster_v1_CommitRequest, callback: grpc.requestCallback<_deepcluster_v1_PrepareReply__Output>): grpc.ClientUnaryCall;
  
  Pull(argument: _deepcluster_v1_PullRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_VectorMessage__Output>;
  Pull(argument: _deepcluster_v1_PullRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_VectorMessage__Output>;
  pull(argument: _deepcluster_v1_PullRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_VectorMessage__Output>;
  pull(argument: _deepcluster_v1_PullRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_VectorMessage__Output>;
  
  Push(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_PushReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_PushMessage>;
  Push(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_PushReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_PushMessage>;
  Push(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_PushReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_PushMessage>;
  Push(callback: grpc.requestCallback<_deepcluster_v1_PushReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_PushMessage>;
  push(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_PushReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_PushMessage>;
  push(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_PushReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_PushMessage>;
  push(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_PushReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_PushMessage>;
  push(callback: grpc.requestCallback<_deepcluster_v1_PushReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_PushMessage>;
  
  ResetHead(argument: _deepcluster_v1_ResetHeadRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_ResetHeadReply__Output>): grpc.ClientUnaryCall;
  ResetHead(argument: _deepcluster_v1_ResetHeadRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_ResetHeadReply__Output>): grpc.ClientUnaryCall;
  ResetHead(argument: _deepcluster_v1_ResetHeadRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_ResetHeadReply__Output>): grpc.ClientUnaryCall;
  ResetHead(argument: _deepcluster_v1_ResetHeadRequest, callback: grpc.requestCallback<_deepcluster_v1_ResetHeadReply__Output>): grpc.ClientUnaryCall;
  resetHead(argument: _deepcluster_v1_ResetHeadRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_ResetHeadReply__Output>): grpc.ClientUnaryCall;
  resetHead(argument: _deepcluster_v1_ResetHeadRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_ResetHeadReply__Output>): grpc.ClientUnaryCall;
  resetHead(argument: _deepcluster_v1_ResetHeadRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_ResetHeadReply__Output>): grpc.ClientUnaryCall;
  resetHead(argument: _deepcluster_v1_ResetHeadRequest, callback: grpc.requestCallback<_deepcluster_v1_ResetHeadReply__Output>): grpc.ClientUnaryCall;
  
  Restore(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_RestoreReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_RestoreMessage>;
  Restore(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_RestoreReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_RestoreMessage>;
  Restore(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_RestoreReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_RestoreMessage>;
  Restore(callback: grpc.requestCallback<_deepcluster_v1_RestoreReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_RestoreMessage>;
  restore(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_RestoreReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_RestoreMessage>;
  restore(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_RestoreReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_RestoreMessage>;
  restore(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_RestoreReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_RestoreMessage>;
  restore(callback: grpc.requestCallback<_deepcluster_v1_RestoreReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_RestoreMessage>;
  
  Snapshot(argument: _deepcluster_v1_SnapshotRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_VectorMessage__Output>;
  Snapshot(argument: _deepcluster_v1_SnapshotRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_VectorMessage__Output>;
  snapshot(argument: _deepcluster_v1_SnapshotRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_VectorMessage__Output>;
  snapshot(argument: _deepcluster_v1_SnapshotRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_VectorMessage__Output>;
  
}

export interface ParametersHandlers extends grpc.UntypedServiceImplementation {
  Commit: grpc.handleUnaryCall<_deepcluster_v1_CommitRequest__Output, _deepcluster_v1_CommitReply>;
  
  Prepare: grpc.handleUnaryCall<_deepcluster_v1_CommitRequest__Output, _deepcluster_v1_PrepareReply>;
  
  Pull: grpc.handleServerStreamingCall<_deepcluster_v1_PullRequest__Output, _deepcluster_v1_VectorMessage>;
  
  Push: grpc.handleClientStreamingCall<_deepcluster_v1_PushMessage__Output, _deepcluster_v1_PushReply>;
  
  ResetHead: grpc.handleUnaryCall<_deepcluster_v1_ResetHeadRequest__Output, _deepcluster_v1_ResetHeadReply>;
  
  Restore: grpc.handleClientStreamingCall<_deepcluster_v1_RestoreMessage__Output, _deepcluster_v1_RestoreReply>;
  
  Snapshot: grpc.handleServerStreamingCall<_deepcluster_v1_SnapshotRequest__Output, _deepcluster_v1_VectorMessage>;
  
}

export interface ParametersDefinition extends grpc.ServiceDefinition {
  Commit: MethodDefinition<_deepcluster_v1_CommitRequest, _deepcluster_v1_CommitReply, _deepcluster_v1_CommitRequest__Output, _deepcluster_v1_CommitReply__Output>
  Prepare: MethodDefinition<_deepcluster_v1_CommitRequest, _deepcluster_v1_PrepareReply, _deepcluster_v1_CommitRequest__Output, _deepcluster_v1_PrepareReply__Output>
  Pull: MethodDefinition<_deepcluster_v1_PullRequest, _deepcluster_v1_VectorMessage, _deepcluster_v1_PullRequest__Output, _deepcluster_v1_VectorMessage__Output>
  Push: MethodDefinition<_deepcluster_v1_PushMessage, _deepcluster_v1_PushReply, _deepcluster_v1_PushMessage__Output, _deepcluster_v1_PushReply__Output>
  ResetHead: MethodDefinition<_deepcluster_v1_ResetHeadRequest, _deepcluster_v1_ResetHeadReply, _deepcluster_v1_ResetHeadRequest__Output, _deepcluster_v1_ResetHeadReply__Output>
  Restore: MethodDefinition<_deepcluster_v1_RestoreMessage, _deepcluster_v1_RestoreReply, _deepcluster_v1_RestoreMessage__Output, _deepcluster_v1_RestoreReply__Output>
  Snapshot: MethodDefinition<_deepcluster_v1_SnapshotRequest, _deepcluster_v1_VectorMessage, _deepcluster_v1_SnapshotRequest__Output, _deepcluster_v1_VectorMessage__Output>
}
