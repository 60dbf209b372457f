import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { BeginMemoryRequest as _deepcluster_v1_BeginMemoryRequest, BeginMemoryRequest__Output as _deepcluster_v1_BeginMemoryRequest__Output } from './deepcluster/v1/BeginMemoryRequest.ts';
import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from './deepcluster/v1/Chunk.ts';
import type { CommitReply as _deepcluster_v1_CommitReply, CommitReply__Output as _deepcluster_v1_CommitReply__Output } from './deepcluster/v1/CommitReply.ts';
import type { CommitRequest as _deepcluster_v1_CommitRequest, CommitRequest__Output as _deepcluster_v1_CommitRequest__Output } from './deepcluster/v1/CommitRequest.ts';
import type { CommitSlice as _deepcluster_v1_CommitSlice, CommitSlice__Output as _deepcluster_v1_CommitSlice__Output } from './deepcluster/v1/CommitSlice.ts';
import type { MemoryHeader as _deepcluster_v1_MemoryHeader, MemoryHeader__Output as _deepcluster_v1_MemoryHeader__Output } from './deepcluster/v1/MemoryHeader.ts';
import type { MemoryMessage as _deepcluster_v1_MemoryMessage, MemoryMessage__Output as _deepcluster_v1_MemoryMessage__Output } from './deepcluster/v1/MemoryMessage.ts';
import type { MemoryReply as _deepcluster_v1_MemoryReply, MemoryReply__Output as _deepcluster_v1_MemoryReply__Output } from './deepcluster/v1/MemoryReply.ts';
import type { MemoryRequest as _deepcluster_v1_MemoryRequest, MemoryRequest__Output as _deepcluster_v1_MemoryRequest__Output } from './deepcluster/v1/MemoryRequest.ts';
import type { MemoryShape as _deepcluster_v1_MemoryShape, MemoryShape__Output as _deepcluster_v1_MemoryShape__Output } from './deepcluster/v1/MemoryShape.ts';
import type { ParametersClient as _deepcluster_v1_ParametersClient, ParametersDefinition as _deepcluster_v1_ParametersDefinition } from './deepcluster/v1/Parameters.ts';
import type { PrepareReply as _deepcluster_v1_PrepareReply, PrepareReply__Output as _deepcluster_v1_PrepareReply__Output } from './deepcluster/v1/PrepareReply.ts';
import type { PullRequest as _deepcluster_v1_PullRequest, PullRequest__Output as _deepcluster_v1_PullRequest__Output } from './deepcluster/v1/PullRequest.ts';
import type { PushHeader as _deepcluster_v1_PushHeader, PushHeader__Output as _deepcluster_v1_PushHeader__Output } from './deepcluster/v1/PushHeader.ts';
import type { PushMessage as _deepcluster_v1_PushMessage, PushMessage__Output as _deepcluster_v1_PushMessage__Output } from './deepcluster/v1/PushMessage.ts';
import type { PushReply as _deepcluster_v1_PushReply, PushReply__Output as _deepcluster_v1_PushReply__Output } from './deepcluster/v1/PushReply.ts';
import type { ResetHeadReply as _deepcluster_v1_ResetHeadReply, ResetHeadReply__Output as _deepcluster_v1_ResetHeadReply__Output } from './deepcluster/v1/ResetHeadReply.ts';
import type { ResetHeadRequest as _deepcluster_v1_ResetHeadRequest, ResetHeadRequest__Output as _deepcluster_v1_ResetHeadRequest__Output } from './deepcluster/v1/ResetHeadRequest.ts';
import type { RestoreHeader as _deepcluster_v1_RestoreHeader, RestoreHeader__Output as _deepcluster_v1_RestoreHeader__Output } from './deepcluster/v1/RestoreHeader.ts';
import type { RestoreMessage as _deepcluster_v1_RestoreMessage, RestoreMessage__Output as _deepcluster_v1_RestoreMessage__Output } from './deepcluster/v1/RestoreMessage.ts';
import type { RestoreReply as _deepcluster_v1_RestoreReply, RestoreReply__Output as _deepcluster_v1_RestoreReply__Output } from './deepcluster/v1/RestoreReply.ts';
import type { RowsRequest as _deepcluster_v1_RowsRequest, RowsRequest__Output as _deepcluster_v1_RowsRequest__Output } from './deepcluster/v1/RowsRequest.ts';
import type { SampleMemoryClient as _deepcluster_v1_SampleMemoryClient, SampleMemoryDefinition as _deepcluster_v1_SampleMemoryDefinition } from './deepcluster/v1/SampleMemory.ts';
import type { Segment as _deepcluster_v1_Segment, Segment__Output as _deepcluster_v1_Segment__Output } from './deepcluster/v1/Segment.ts';
import type { SnapshotRequest as _deepcluster_v1_SnapshotRequest, SnapshotRequest__Output as _deepcluster_v1_SnapshotRequest__Output } from './deepcluster/v1/SnapshotRequest.ts';
import type { VectorChunk as _deepcluster_v1_VectorChunk, VectorChunk__Output as _deepcluster_v1_VectorChunk__Output } from './deepcluster/v1/VectorChunk.ts';
import type { VectorHeader as _deepcluster_v1_VectorHeader, VectorHeader__Output as _deepcluster_v1_VectorHeader__Output } from './deepcluster/v1/VectorHeader.ts';
import type { VectorMessage as _deepcluster_v1_VectorMessage, VectorMessage__Output as _deepcluster_v1_VectorMessage__Output } from './deepcluster/v1/VectorMessage.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  deepcluster: {
    v1: {
      BeginMemoryRequest: MessageTypeDefinition<_deepcluster_v1_BeginMemoryRequest, _deepcluster_v1_BeginMemoryRequest__Output>
      Chunk: MessageTypeDefinition<_deepcluster_v1_Chunk, _deepcluster_v1_Chunk__Output>
      Codec: EnumTypeDefinition
      CommitReply: MessageTypeDefinition<_deepcluster_v1_CommitReply, _deepcluster_v1_CommitReply__Output>
      CommitRequest: MessageTypeDefinition<_deepcluster_v1_CommitRequest, _deepcluster_v1_CommitRequest__Output>
      CommitSlice: MessageTypeDefinition<_deepcluster_v1_CommitSlice, _deepcluster_v1_CommitSlice__Output>
      MemoryHeader: MessageTypeDefinition<_deepcluster_v1_MemoryHeader, _deepcluster_v1_MemoryHeader__Output>
      MemoryMessage: MessageTypeDefinition<_deepcluster_v1_MemoryMessage, _deepcluster_v1_MemoryMessage__Output>
      MemoryReply: MessageTypeDefinition<_deepcluster_v1_MemoryReply, _deepcluster_v1_MemoryReply__Output>
      MemoryRequest: MessageTypeDefinition<_deepcluster_v1_MemoryRequest, _deepcluster_v1_MemoryRequest__Output>
      MemoryShape: MessageTypeDefinition<_deepcluster_v1_MemoryShape, _deepcluster_v1_MemoryShape__Output>
      Parameters: SubtypeConstructor<typeof grpc.Client, _deepcluster_v1_ParametersClient> & { service: _deepcluster_v1_ParametersDefinition }
      PrepareReply: MessageTypeDefinition<_deepcluster_v1_PrepareReply, _deepcluster_v1_PrepareReply__Output>
      PullRequest: MessageTypeDefinition<_deepcluster_v1_PullRequest, _deepcluster_v1_PullRequest__Output>
      PushHeader: MessageTypeDefinition<_deepcluster_v1_PushHeader, _deepcluster_v1_PushHeader__Output>
      PushMessage: MessageTypeDefinition<_deepcluster_v1_PushMessage, _deepcluster_v1_PushMessage__Output>
      PushReply: MessageTypeDefinition<_deepcluster_v1_PushReply, _deepcluster_v1_PushReply__Output>
      ResetHeadReply: MessageTypeDefinition<_deepcluster_v1_ResetHeadReply, _deepcluster_v1_ResetHeadReply__Output>
      ResetHeadRequest: MessageTypeDefinition<_deepcluster_v1_ResetHeadRequest, _deepcluster_v1_ResetHeadRequest__Output>
      RestoreHeader: MessageTypeDefinition<_deepcluster_v1_RestoreHeader, _deepcluster_v1_RestoreHeader__Output>
      RestoreMessage: MessageTypeDefinition<_deepcluster_v1_RestoreMessage, _deepcluster_v1_RestoreMessage__Output>
      RestoreReply: MessageTypeDefinition<_deepcluster_v1_RestoreReply, _deepcluster_v1_RestoreReply__Output>
      RowsRequest: MessageTypeDefinition<_deepcluster_v1_RowsRequest, _deepcluster_v1_RowsRequest__Output>
      SampleMemory: SubtypeConstructor<typeof grpc.Client, _deepcluster_v1_SampleMemoryClient> & { service: _deepcluster_v1_SampleMemoryDefinition }
      Segment: MessageTypeDefinition<_deepcluster_v1_Segment, _deepcluster_v1_Segment__Output>
      SnapshotRequest: MessageTypeDefinition<_deepcluster_v1_SnapshotRequest, _deepcluster_v1_SnapshotRequest__Output>
      VectorChunk: MessageTypeDefinition<_deepcluster_v1_VectorChunk, _deepcluster_v1_VectorChunk__Output>
      VectorHeader: MessageTypeDefinition<_deepcluster_v1_VectorHeader, _deepcluster_v1_VectorHeader__Output>
      VectorMessage: MessageTypeDefinition<_deepcluster_v1_VectorMessage, _deepcluster_v1_VectorMessage__Output>
    }
  }
}

