/**
 * SwAV, swapping assignments between views: Caron et al., NeurIPS 2020 (arXiv:2006.09882). The
 * arithmetic is in src/clustering (sinkhorn.ts, swapped-prediction.ts).
 */
import type { AlgorithmSpec } from '../spec.ts';
import { SWAV_SETTINGS, swavConfigOf } from './config.ts';
import { SwavStrategy } from './strategy.ts';
import { SwavWork } from './work.ts';

export const SWAV: AlgorithmSpec = {
  name: 'swav',
  label: 'SwAV',
  title: 'SwAV',
  description:
    'learns prototypes with the network; each view of an image predicts the prototypes of another one',
  settings: SWAV_SETTINGS,
  neck: 'swav',
  demoPreset: null,
  smallRun: {
    model: { neck: 'swav', neckHidden: 16, neckDim: 8 },
    swav: { queueLength: 64 },
  },
  clustering: {
    times: 'everyEpoch',
    phases: ['kmeans'],
    // Each epoch's is of other random crops, begins from other rows, and is for figures alone.
    doSettle: false,
  },
  metric: () => 'cosine',
  crops: (config) => swavConfigOf(config).crops,
  heads: () => 0,
  refusesStale: 'its queue moves with every step',
  figures: null,
  requireImages: () => undefined,
  strategy: (deps) => new SwavStrategy(deps),
  work: (deps) => new SwavWork(deps),
};
