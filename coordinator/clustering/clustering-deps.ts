/** What a clustering needs of the coordinator, and what it gives. Shapes: N images, K clusters. */
import type { Clustering } from '../../src/algorithms/strategy.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Progress } from '../../src/telemetry/notice.ts';
import type { AssignmentDetails } from '../../src/work/assign.ts';
import type { Extracted } from '../../src/work/extract.ts';
import type { TimedWork, Work } from '../../src/work/kind.ts';
import type { Artifacts } from '../control/artifacts.ts';
import type { Dispatcher } from '../control/dispatcher.ts';
import type { PhaseRequest } from '../control/phase-request.ts';
import type { MissingImages } from '../images/missing-images.ts';
import type { RunFolder } from '../record/run-folder.ts';

export interface ClusteringDeps {
  readonly config: RunConfig;
  readonly imageCount: number;
  readonly dispatcher: Dispatcher;
  readonly artifacts: Artifacts;
  readonly images: Pick<MissingImages, 'accept' | 'beginClustering' | 'clustered' | 'leftOut'>;
  readonly noteExtracted: (extracted: Extracted) => void;
  /** Called when images have been left out. */
  readonly imagesLeftOut: () => Promise<void>;
  readonly progress: (progress: Progress) => void;
  readonly enterPhase: (kind: TimedWork) => void;
  readonly folder: Pick<RunFolder, 'event' | 'metrics'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** What a step of the clustering says of its phase; the rest is the same for all. */
export type Step<Piece extends Work, Order, Result> = Omit<
  PhaseRequest<Piece, Order, Result>,
  'epoch' | 'parameterVersion' | 'features'
>;

/**
 * A clustering with the details of every image: [N] each, NaN and -1 where it could not be read.
 */
export interface DetailedClustering extends Clustering {
  readonly details: AssignmentDetails;
}
