// Original file: proto/memory.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BeginMemoryRequest as _deepcluster_v1_BeginMemoryRequest, BeginMemoryRequest__Output as _deepcluster_v1_BeginMemoryRequest__Output } from '../../deepcluster/v1/BeginMemoryRequest.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from '../../deepcluster/v1/Chunk.ts';
import type { MemoryMessage as _deepcluster_v1_MemoryMessage, MemoryMessage__Output as _deepcluster_v1_MemoryMessage__Output } from '../../deepcluster/v1/MemoryMessage.ts';
import type { MemoryReply as _deepcluster_v1_MemoryReply, MemoryReply__Output as _deepcluster_v1_MemoryReply__Output } from '../../deepcluster/v1/MemoryReply.ts';
import type { MemoryRequest as _deepcluster_v1_MemoryRequest, MemoryRequest__Output as _deepcluster_v1_MemoryRequest__Output } from '../../deepcluster/v1/MemoryRequest.ts';
import type { RowsRequest as _deepcluster_v1_RowsRequest, RowsRequest__Output as _deepcluster_v1_RowsRequest__Output } from '../../deepcluster/v1/RowsRequest.ts';

export interface SampleMemoryClient extends grpc.Client {
  BeginMemory(argument: _deepcluster_v1_BeginMemoryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientUnaryCall;
  BeginMemory(argument: _deepcluster_v1_BeginMemoryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientUnaryCall;
  BeginMemory(argument: _deepcluster_v1_BeginMemoryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientUnaryCall;
  BeginMemory(argument: _deepcluster_v1_BeginMemoryRequest, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientUnaryCall;
  beginMemory(argument: _deepcluster_v1_BeginMemoryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientUnaryCall;
  beginMemory(argument: _deepcluster_v1_BeginMemoryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientUnaryCall;
  beginMemory(argument: _deepcluster_v1_BeginMemoryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientUnaryCall;
  beginMemory(argument: _deepcluster_v1_BeginMemoryRequest, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientUnaryCall;
  
  FetchChange(argument: _deepcluster_v1_MemoryRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  FetchChange(argument: _deepcluster_v1_MemoryRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  fetchChange(argument: _deepcluster_v1_MemoryRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  fetchChange(argument: _deepcluster_v1_MemoryRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  
  FetchClassSums(argument: _deepcluster_v1_MemoryRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  FetchClassSums(argument: _deepcluster_v1_MemoryRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  fetchClassSums(argument: _deepcluster_v1_MemoryRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  fetchClassSums(argument: _deepcluster_v1_MemoryRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  
  FetchRows(argument: _deepcluster_v1_RowsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  FetchRows(argument: _deepcluster_v1_RowsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  fetchRows(argument: _deepcluster_v1_RowsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  fetchRows(argument: _deepcluster_v1_RowsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_deepcluster_v1_Chunk__Output>;
  
  FillMemory(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  FillMemory(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  FillMemory(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  FillMemory(callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  fillMemory(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  fillMemory(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  fillMemory(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  fillMemory(callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  
  Relabel(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  Relabel(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  Relabel(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  Relabel(callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  relabel(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  relabel(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  relabel(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  relabel(callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  
  SealMemory(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  SealMemory(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  SealMemory(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  SealMemory(callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  sealMemory(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  sealMemory(metadata: grpc.Metadata, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  sealMemory(options: grpc.CallOptions, callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  sealMemory(callback: grpc.requestCallback<_deepcluster_v1_MemoryReply__Output>): grpc.ClientWritableStream<_deepcluster_v1_MemoryMessage>;
  
}

export interface SampleMemoryHandlers extends grpc.UntypedServiceImplementation {
  BeginMemory: grpc.handleUnaryCall<_deepcluster_v1_BeginMemoryRequest__Output, _deepcluster_v1_MemoryReply>;
  
  FetchChange: grpc.handleServerStreamingCall<_deepcluster_v1_MemoryRequest__Output, _deepcluster_v1_Chunk>;
  
  FetchClassSums: grpc.handleServerStreamingCall<_deepcluster_v1_MemoryRequest__Output, _deepcluster_v1_Chunk>;
  
  FetchRows: grpc.handleServerStreamingCall<_deepcluster_v1_RowsRequest__Output, _deepcluster_v1_Chunk>;
  
  FillMemory: grpc.handleClientStreamingCall<_deepcluster_v1_MemoryMessage__Output, _deepcluster_v1_MemoryReply>;
  
  Relabel: grpc.handleClientStreamingCall<_deepcluster_v1_MemoryMessage__Output, _deepcluster_v1_MemoryReply>;
  
  SealMemory: grpc.handleClientStreamingCall<_deepcluster_v1_MemoryMessage__Output, _deepcluster_v1_MemoryReply>;
  
}

export interface SampleMemoryDefinition extends grpc.ServiceDefinition {
  BeginMemory: MethodDefinition<_deepcluster_v1_BeginMemoryRequest, _deepcluster_v1_MemoryReply, _deepcluster_v1_BeginMemoryRequest__Output, _deepcluster_v1_MemoryReply__Output>
  FetchChange: MethodDefinition<_deepcluster_v1_MemoryRequest, _deepcluster_v1_Chunk, _deepcluster_v1_MemoryRequest__Output, _deepcluster_v1_Chunk__Output>
  FetchClassSums: MethodDefinition<_deepcluster_v1_MemoryRequest, _deepcluster_v1_Chunk, _deepcluster_v1_MemoryRequest__Output, _deepcluster_v1_Chunk__Output>
  FetchRows: MethodDefinition<_deepcluster_v1_RowsRequest, _deepcluster_v1_Chunk, _deepcluster_v1_RowsRequest__Output, _deepcluster_v1_Chunk__Output>
  FillMemory: MethodDefinition<_deepcluster_v1_MemoryMessage, _deepcluster_v1_MemoryReply, _deepcluster_v1_MemoryMessage__Output, _deepcluster_v1_MemoryReply__Output>
  Relabel: MethodDefinition<_deepcluster_v1_MemoryMessage, _deepcluster_v1_MemoryReply, _deepcluster_v1_MemoryMessage__Output, _deepcluster_v1_MemoryReply__Output>
  SealMemory: MethodDefinition<_deepcluster_v1_MemoryMessage, _deepcluster_v1_MemoryReply, _deepcluster_v1_MemoryMessage__Output, _deepcluster_v1_MemoryReply__Output>
}
