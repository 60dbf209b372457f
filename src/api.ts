/**
 * The program as a library: train a run, open what it left, and put images through its network.
 * All that an importing program may rely on is exported here; docs/api.md shows it in use.
 */
export { TrainerError, exitCodeOf, type ErrorCode } from './errors.ts';
export { train, type TrainOptions, type TrainedRun } from './launch/train.ts';
export type { RunSummary } from './report/summary.ts';
export { openRun, type Centroids, type OpenedRun } from './run/open-run.ts';
export {
  loadNetwork,
  type EmbedOptions,
  type EmbeddedImages,
  type NetworkOptions,
  type TrainedNetwork,
} from './run/trained-network.ts';
export type { Progress } from './telemetry/notice.ts';
