import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { BeginMemoryRequest as _deepcluster_v1_BeginMemoryRequest, BeginMemoryRequest__Output as _deepcluster_v1_BeginMemoryRequest__Output } from './deepcluster/v1/BeginMemoryRequest.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from './deepcluster/v1/Chunk.ts';
import type { MemoryHeader as _deepcluster_v1_MemoryHeader, MemoryHeader__Output as _deepcluster_v1_MemoryHeader__Output } from './deepcluster/v1/MemoryHeader.ts';
import type { MemoryMessage as _deepcluster_v1_MemoryMessage, MemoryMessage__Output as _deepcluster_v1_MemoryMessage__Output } from './deepcluster/v1/MemoryMessage.ts';
import type { MemoryReply as _deepcluster_v1_MemoryReply, MemoryReply__Output as _deepcluster_v1_MemoryReply__Output } from './deepcluster/v1/MemoryReply.ts';
import type { MemoryRequest as _deepcluster_v1_MemoryRequest, MemoryRequest__Output as _deepcluster_v1_MemoryRequest__Output } from './deepcluster/v1/MemoryRequest.ts';
import type { MemoryShape as _deepcluster_v1_MemoryShape, MemoryShape__Output as _deepcluster_v1_MemoryShape__Output } from './deepcluster/v1/MemoryShape.ts';
import type { RowsRequest as _deepcluster_v1_RowsRequest, RowsRequest__Output as _deepcluster_v1_RowsRequest__Output } from './deepcluster/v1/RowsRequest.ts';
import type { SampleMemoryClient as _deepcluster_v1_SampleMemoryClient, SampleMemoryDefinition as _deepcluster_v1_SampleMemoryDefinition } from './deepcluster/v1/SampleMemory.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  deepcluster: {
    v1: {
      BeginMemoryRequest: MessageTypeDefinition<_deepcluster_v1_BeginMemoryRequest, _deepcluster_v1_BeginMemoryRequest__Output>
      Chunk: MessageTypeDefinition<_deepcluster_v1_Chunk, _deepcluster_v1_Chunk__Output>
      MemoryHeader: MessageTypeDefinition<_deepcluster_v1_MemoryHeader, _deepcluster_v1_MemoryHeader__Output>
      MemoryMessage: MessageTypeDefinition<_deepcluster_v1_MemoryMessage, _deepcluster_v1_MemoryMessage__Output>
      MemoryReply: MessageTypeDefinition<_deepcluster_v1_MemoryReply, _deepcluster_v1_MemoryReply__Output>
      MemoryRequest: MessageTypeDefinition<_deepcluster_v1_MemoryRequest, _deepcluster_v1_MemoryRequest__Output>
      MemoryShape: MessageTypeDefinition<_deepcluster_v1_MemoryShape, _deepcluster_v1_MemoryShape__Output>
      RowsRequest: MessageTypeDefinition<_deepcluster_v1_RowsRequest, _deepcluster_v1_RowsRequest__Output>
      SampleMemory: SubtypeConstructor<typeof grpc.Client, _deepcluster_v1_SampleMemoryClient> & { service: _deepcluster_v1_SampleMemoryDefinition }
    }
  }
}

