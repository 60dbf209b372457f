/** States of a run as the live page shows them. */
import type { LiveState, LiveWorker } from '../../../coordinator/dashboard/live-state.ts';
import { noSeconds } from '../../../src/run/record-state.ts';

export function liveState(change: Partial<LiveState> = {}): LiveState {
  return {
    ...{ runId: 'r1', algorithm: 'deepcluster', architecture: 'small-convnet', images: 100 },
    ...{ clusters: 8, stage: 'running', remark: '', collapsed: '', term: 1 },
    ...{ epochs: 4, epochsDone: 1, steps: 10, loss: 2, pace: null, wallSeconds: 30 },
    phaseSeconds: { ...noSeconds(), train: 20, extract: 10 },
    ...{ imagesTrained: 240, imagesExtracted: 100, unreadable: 0, damaged: 0 },
    ...{ leasesReturned: 0, duplicates: 0, fenced: 0, restarts: 0, workers: [] },
    servers: ['127.0.0.1:7000'],
    checkpoints: { written: 0, failed: 0, newest: null },
    ...{ byEpoch: [], events: [] },
    ...change,
  };
}

export function liveWorker(change: Partial<LiveWorker> = {}): LiveWorker {
  return {
    ...{ id: 'worker-0', state: 'working', reason: '', leases: 1, leaseSeconds: 0.5 },
    ...{ shardsHeld: 2, ordersDone: 3, imagesPerSecond: 40, cameBack: 0 },
    ...change,
  };
}
