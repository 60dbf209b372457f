/**
 * DeepCluster-v2: Caron et al., NeurIPS 2020 (arXiv:2006.09882), the improved DeepCluster that SwAV
 * is compared with.
 */
import type { AlgorithmSpec } from '../spec.ts';
import { DEEPCLUSTER_V2_SETTINGS, deepclusterV2ConfigOf, smallCropProblems } from './config.ts';
import { DeepclusterV2Strategy } from './strategy.ts';
import { DeepclusterV2Work } from './work.ts';

export const DEEPCLUSTER_V2: AlgorithmSpec = {
  name: 'deepcluster-v2',
  label: 'DeepCluster-v2',
  title: 'DeepCluster-v2',
  description:
    'clusters the features that training itself left in a memory, and compares views with the centroids',
  settings: DEEPCLUSTER_V2_SETTINGS,
  neck: 'projection',
  demoPreset: null,
  smallRun: {
    model: { neck: 'projection', neckHidden: 16, neckDim: 8 },
    // Every phase below, to be disturbed.
    deepclusterV2: { heads: 3, wholeBytes: 0 },
  },
  clustering: {
    times: 'everyEpoch',
    phases: ['extract', 'project', 'sampleRows', 'kmeans', 'assign'],
    // Each epoch's are of other random crops, and prototypes have no number to keep.
    doSettle: false,
  },
  metric: () => 'cosine',
  crops: (config) => deepclusterV2ConfigOf(config).crops,
  heads: (config) => deepclusterV2ConfigOf(config).heads,
  problems: smallCropProblems,
  refusesStale: 'its sample memory moves with every step',
  figures: null,
  requireImages: () => undefined,
  strategy: (deps) => new DeepclusterV2Strategy(deps),
  work: (deps) => new DeepclusterV2Work(deps),
};
