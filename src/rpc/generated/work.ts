import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Assign as _deepcluster_v1_Assign, Assign__Output as _deepcluster_v1_Assign__Output } from './deepcluster/v1/Assign.ts';
import type { ClusterHead as _deepcluster_v1_ClusterHead, ClusterHead__Output as _deepcluster_v1_ClusterHead__Output } from './deepcluster/v1/ClusterHead.ts';
import type { Evaluate as _deepcluster_v1_Evaluate, Evaluate__Output as _deepcluster_v1_Evaluate__Output } from './deepcluster/v1/Evaluate.ts';
import type { Extract as _deepcluster_v1_Extract, Extract__Output as _deepcluster_v1_Extract__Output } from './deepcluster/v1/Extract.ts';
import type { FillMemory as _deepcluster_v1_FillMemory, FillMemory__Output as _deepcluster_v1_FillMemory__Output } from './deepcluster/v1/FillMemory.ts';
import type { FindNeighbours as _deepcluster_v1_FindNeighbours, FindNeighbours__Output as _deepcluster_v1_FindNeighbours__Output } from './deepcluster/v1/FindNeighbours.ts';
import type { KmeansStep as _deepcluster_v1_KmeansStep, KmeansStep__Output as _deepcluster_v1_KmeansStep__Output } from './deepcluster/v1/KmeansStep.ts';
import type { LocalRule as _deepcluster_v1_LocalRule, LocalRule__Output as _deepcluster_v1_LocalRule__Output } from './deepcluster/v1/LocalRule.ts';
import type { Moments as _deepcluster_v1_Moments, Moments__Output as _deepcluster_v1_Moments__Output } from './deepcluster/v1/Moments.ts';
import type { Project as _deepcluster_v1_Project, Project__Output as _deepcluster_v1_Project__Output } from './deepcluster/v1/Project.ts';
import type { SampleRows as _deepcluster_v1_SampleRows, SampleRows__Output as _deepcluster_v1_SampleRows__Output } from './deepcluster/v1/SampleRows.ts';
import type { Samples as _deepcluster_v1_Samples, Samples__Output as _deepcluster_v1_Samples__Output } from './deepcluster/v1/Samples.ts';
import type { ShareRows as _deepcluster_v1_ShareRows, ShareRows__Output as _deepcluster_v1_ShareRows__Output } from './deepcluster/v1/ShareRows.ts';
import type { SliceDraws as _deepcluster_v1_SliceDraws, SliceDraws__Output as _deepcluster_v1_SliceDraws__Output } from './deepcluster/v1/SliceDraws.ts';
import type { SolvePca as _deepcluster_v1_SolvePca, SolvePca__Output as _deepcluster_v1_SolvePca__Output } from './deepcluster/v1/SolvePca.ts';
import type { TrainSlice as _deepcluster_v1_TrainSlice, TrainSlice__Output as _deepcluster_v1_TrainSlice__Output } from './deepcluster/v1/TrainSlice.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  deepcluster: {
    v1: {
      Assign: MessageTypeDefinition<_deepcluster_v1_Assign, _deepcluster_v1_Assign__Output>
      ClusterHead: MessageTypeDefinition<_deepcluster_v1_ClusterHead, _deepcluster_v1_ClusterHead__Output>
      Evaluate: MessageTypeDefinition<_deepcluster_v1_Evaluate, _deepcluster_v1_Evaluate__Output>
      Extract: MessageTypeDefinition<_deepcluster_v1_Extract, _deepcluster_v1_Extract__Output>
      FillMemory: MessageTypeDefinition<_deepcluster_v1_FillMemory, _deepcluster_v1_FillMemory__Output>
      FindNeighbours: MessageTypeDefinition<_deepcluster_v1_FindNeighbours, _deepcluster_v1_FindNeighbours__Output>
      KmeansStep: MessageTypeDefinition<_deepcluster_v1_KmeansStep, _deepcluster_v1_KmeansStep__Output>
      LocalRule: MessageTypeDefinition<_deepcluster_v1_LocalRule, _deepcluster_v1_LocalRule__Output>
      Moments: MessageTypeDefinition<_deepcluster_v1_Moments, _deepcluster_v1_Moments__Output>
      Project: MessageTypeDefinition<_deepcluster_v1_Project, _deepcluster_v1_Project__Output>
      SampleRows: MessageTypeDefinition<_deepcluster_v1_SampleRows, _deepcluster_v1_SampleRows__Output>
      Samples: MessageTypeDefinition<_deepcluster_v1_Samples, _deepcluster_v1_Samples__Output>
      ShareRows: MessageTypeDefinition<_deepcluster_v1_ShareRows, _deepcluster_v1_ShareRows__Output>
      SliceDraws: MessageTypeDefinition<_deepcluster_v1_SliceDraws, _deepcluster_v1_SliceDraws__Output>
      SolvePca: MessageTypeDefinition<_deepcluster_v1_SolvePca, _deepcluster_v1_SolvePca__Output>
      TrainSlice: MessageTypeDefinition<_deepcluster_v1_TrainSlice, _deepcluster_v1_TrainSlice__Output>
    }
  }
}

