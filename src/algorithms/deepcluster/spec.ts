/** DeepCluster: Caron et al., ECCV 2018 (arXiv:1807.05520). */
import { CLUSTERING_METHODS } from '../../clustering/config.ts';
import type { AlgorithmSpec } from '../spec.ts';
import { GRADIENT_WORK } from '../work.ts';
import { DeepClusterStrategy } from './strategy.ts';

export const DEEPCLUSTER: AlgorithmSpec = {
  name: 'deepcluster',
  label: 'DeepCluster',
  title: 'DeepCluster',
  description: 'clusters the features of all images anew in every epoch and trains on the clusters',
  settings: null,
  neck: null,
  demoPreset: 'demo',
  smallRun: {},
  clustering: {
    times: 'everyEpoch',
    phases: ['extract', 'moments', 'pca', 'project', 'sampleRows', 'kmeans', 'assign'],
    doSettle: true,
  },
  methods: CLUSTERING_METHODS,
  metric: () => 'distance',
  crops: () => 1,
  heads: () => 1,
  figures: null,
  requireImages: () => undefined,
  strategy: (deps) => new DeepClusterStrategy(deps),
  work: () => GRADIENT_WORK,
};
