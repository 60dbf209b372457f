/**
 * Online Deep Clustering: Zhan et al., CVPR 2020 (arXiv:2006.10645). The arithmetic is in
 * src/clustering/odc.
 */
import type { AlgorithmSpec } from '../spec.ts';
import { ODC_SETTINGS, odcConfigOf } from './config.ts';
import { ODC_FIGURES } from './figures.ts';
import { requireRoomForClusters } from './room-for-clusters.ts';
import { OdcStrategy } from './strategy.ts';
import { OdcWork } from './work.ts';

export const ODC: AlgorithmSpec = {
  name: 'odc',
  label: 'ODC',
  title: 'Online Deep Clustering',
  description:
    'clusters all images once; from then on every step moves the images that it trained on',
  settings: ODC_SETTINGS,
  neck: 'odc',
  demoPreset: 'demo-odc',
  smallRun: {
    model: { neck: 'odc', neckHidden: 16, neckDim: 8, neckBatchNormMomentum: 0.1 },
    odc: { smallClusterSize: 4, publishInterval: 4 },
  },
  clustering: {
    times: 'once',
    phases: ['extract', 'project', 'sampleRows', 'kmeans', 'assign', 'memory'],
    doSettle: true,
  },
  metric: (config) => odcConfigOf(config).metric,
  crops: () => 1,
  heads: () => 1,
  refusesLocal: 'its labels, centroids and loss weights move with every step, not once a round',
  refusesStale: 'its labels, centroids and loss weights move with every step',
  figures: ODC_FIGURES,
  requireImages: requireRoomForClusters,
  strategy: (deps) => new OdcStrategy(deps),
  work: (deps) => new OdcWork(deps),
};
