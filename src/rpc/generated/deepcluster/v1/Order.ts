// Original file: proto/coordinator.proto

import type { Extract as _deepcluster_v1_Extract, Extract__Output as _deepcluster_v1_Extract__Output } from '../../deepcluster/v1/Extract.ts';
import type { Moments as _deepcluster_v1_Moments, Moments__Output as _deepcluster_v1_Moments__Output } from '../../deepcluster/v1/Moments.ts';
import type { SolvePca as _deepcluster_v1_SolvePca, SolvePca__Output as _deepcluster_v1_SolvePca__Output } from '../../deepcluster/v1/SolvePca.ts';
import type { Project as _deepcluster_v1_Project, Project__Output as _deepcluster_v1_Project__Output } from '../../deepcluster/v1/Project.ts';
import type { SampleRows as _deepcluster_v1_SampleRows, SampleRows__Output as _deepcluster_v1_SampleRows__Output } from '../../deepcluster/v1/SampleRows.ts';
import type { KmeansStep as _deepcluster_v1_KmeansStep, KmeansStep__Output as _deepcluster_v1_KmeansStep__Output } from '../../deepcluster/v1/KmeansStep.ts';
import type { Assign as _deepcluster_v1_Assign, Assign__Output as _deepcluster_v1_Assign__Output } from '../../deepcluster/v1/Assign.ts';
import type { TrainSlice as _deepcluster_v1_TrainSlice, TrainSlice__Output as _deepcluster_v1_TrainSlice__Output } from '../../deepcluster/v1/TrainSlice.ts';
import type { Evaluate as _deepcluster_v1_Evaluate, Evaluate__Output as _deepcluster_v1_Evaluate__Output } from '../../deepcluster/v1/Evaluate.ts';
import type { FillMemory as _deepcluster_v1_FillMemory, FillMemory__Output as _deepcluster_v1_FillMemory__Output } from '../../deepcluster/v1/FillMemory.ts';

export interface Order {
  'leaseId'?: (string);
  'generation'?: (number);
  'epoch'?: (number);
  'parameterVersion'?: (number);
  'extract'?: (_deepcluster_v1_Extract | null);
  'moments'?: (_deepcluster_v1_Moments | null);
  'solvePca'?: (_deepcluster_v1_SolvePca | null);
  'project'?: (_deepcluster_v1_Project | null);
  'sampleRows'?: (_deepcluster_v1_SampleRows | null);
  'kmeansStep'?: (_deepcluster_v1_KmeansStep | null);
  'assign'?: (_deepcluster_v1_Assign | null);
  'trainSlice'?: (_deepcluster_v1_TrainSlice | null);
  'evaluate'?: (_deepcluster_v1_Evaluate | null);
  'fillMemory'?: (_deepcluster_v1_FillMemory | null);
  'work'?: "extract"|"moments"|"solvePca"|"project"|"sampleRows"|"kmeansStep"|"assign"|"trainSlice"|"evaluate"|"fillMemory";
}

export interface Order__Output {
  'leaseId': (string);
  'generation': (number);
  'epoch': (number);
  'parameterVersion': (number);
  'extract'?: (_deepcluster_v1_Extract__Output | null);
  'moments'?: (_deepcluster_v1_Moments__Output | null);
  'solvePca'?: (_deepcluster_v1_SolvePca__Output | null);
  'project'?: (_deepcluster_v1_Project__Output | null);
  'sampleRows'?: (_deepcluster_v1_SampleRows__Output | null);
  'kmeansStep'?: (_deepcluster_v1_KmeansStep__Output | null);
  'assign'?: (_deepcluster_v1_Assign__Output | null);
  'trainSlice'?: (_deepcluster_v1_TrainSlice__Output | null);
  'evaluate'?: (_deepcluster_v1_Evaluate__Output | null);
  'fillMemory'?: (_deepcluster_v1_FillMemory__Output | null);
  'work'?: "extract"|"moments"|"solvePca"|"project"|"sampleRows"|"kmeansStep"|"assign"|"trainSlice"|"evaluate"|"fillMemory";
}
