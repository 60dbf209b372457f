import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Chunk as _deepcluster_v1_Chunk, Chunk__Output as _deepcluster_v1_Chunk__Output } from './deepcluster/v1/Chunk.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  deepcluster: {
    v1: {
      Chunk: MessageTypeDefinition<_deepcluster_v1_Chunk, _deepcluster_v1_Chunk__Output>
    }
  }
}

