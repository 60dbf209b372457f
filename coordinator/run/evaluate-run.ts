/**
 * The evaluation at the end of a run: one worker classifies held-out images by the trained
 * network's features, others (or the same) by those of the network as it was initialised, and by
 * raw pixels. The only place where class folders are used.
 */
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { NETWORKS, compareScores, type Network } from '../../src/evaluation/gains.ts';
import { runEvaluationOf } from '../../src/run/evaluation/run-evaluation.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import { evaluate, type EvaluateWork, type NetworkScores } from '../../src/work/evaluate.ts';
import type { TimedWork } from '../../src/work/kind.ts';
import type { Dispatcher } from '../control/dispatcher.ts';
import { ImagesLeftOut, type MissingImages } from '../images/missing-images.ts';
import type { RunRecord } from '../record/run-record.ts';

export interface EvaluationDeps {
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly dispatcher: Dispatcher;
  readonly record: RunRecord;
  readonly parameterVersion: number;
  readonly enterPhase: (kind: TimedWork) => void;
  readonly images: Pick<MissingImages, 'leftOut' | 'stepBegins'>;
  /** Called when images have been left out. */
  readonly imagesLeftOut: () => Promise<void>;
  readonly notify: (notice: Notice) => void;
  /** Name of the layer that is evaluated. */
  readonly representationName: string;
}

/** Leaves the scores in the record; does nothing where there is no truth, or evaluation is off. */
export async function evaluateRun(deps: EvaluationDeps): Promise<void> {
  const { config, source, record } = deps;
  if (!config.evaluation.enabled || source.truth === null || record.evaluation !== null) return;
  const scores = await scoresOf(deps);
  const [trained, random, pixels] = NETWORKS.map((network) => scores.get(network)!) as [
    ...[trained: NetworkScores, random: NetworkScores, pixels: NetworkScores],
  ];
  const { trainImages, testImages } = trained;
  record.evaluation = runEvaluationOf(compareScores({ trained, random, pixels }), {
    ...{ feature: deps.representationName, trainImages, testImages },
    classes: source.truth.names.length,
  });
}

/**
 * By network, all on the same images: when some are left out in the middle, all begin once more.
 */
async function scoresOf(deps: EvaluationDeps): Promise<ReadonlyMap<Network, NetworkScores>> {
  deps.images.stepBegins(deps.parameterVersion);
  for (;;) {
    const scores = new Map<Network, NetworkScores>();
    try {
      await evaluateNetworks(deps, scores);
      return scores;
    } catch (error) {
      if (!(error instanceof ImagesLeftOut)) throw error;
      await deps.imagesLeftOut();
    }
  }
}

function evaluateNetworks(
  deps: EvaluationDeps,
  scores: Map<Network, NetworkScores>,
): Promise<void> {
  const { config, dispatcher, parameterVersion, images, notify } = deps;
  const epoch = config.epochs - 1;
  const tell = (done: number): void => {
    const progress = { epoch: epoch + 1, epochs: config.epochs, phase: evaluate.phase };
    notify({ type: 'progress', ...progress, unit: 'networks', done, total: NETWORKS.length });
  };
  deps.enterPhase(evaluate);
  tell(0);
  return dispatcher.runPhase({
    ...{ kind: evaluate, epoch, parameterVersion },
    work: NETWORKS.map((network): EvaluateWork => ({ kind: 'evaluate', network })),
    order: ({ network }) => ({ network, leftOut: [...images.leftOut.keys()] }),
    take: ({ network }, taken) => {
      scores.set(network, taken);
      tell(scores.size);
    },
  });
}
