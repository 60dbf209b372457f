/**
 * A run's folder, opened to be used: the configuration that it has, and of its newest sound
 * checkpoint the parameters, the clustering and the record. Nothing is written, and no claim on the
 * folder is made: the run may go on meanwhile.
 * Shapes: N images, K clusters, D feature dimensions, d of them after PCA (D where none is made).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { arrayOf } from '../arrays/bundle.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';
import { readLatestCheckpoint, type OnRejected } from '../checkpoint/checkpoint.ts';
import type { Whitening } from '../clustering/whitening.ts';
import { runConfigSchema, type RunConfig } from '../config/schema.ts';
import { TrainerError, checkpointCorrupt, messageOf } from '../errors.ts';
import type { ParameterLayout } from '../ps/layout.ts';
import { vectorOf } from '../rpc/named-vectors.ts';
import type { AssignmentDetails } from '../work/assign.ts';
import { fromCheckpoint, type RunPosition, type RunSnapshot } from './checkpoint-content.ts';
import { finalToArrays } from './final-clustering.ts';
import { CHECKPOINTS, configFileOf, noRunIn } from './folder.ts';
import type { RecordState } from './record-state.ts';
import { runImagesSchema, type RunImages } from './run-images.ts';
import { holdsWhitening, whiteningFromArrays } from './whitening-arrays.ts';

/** The means of the clusters, in the space in which images are assigned to them. */
export interface Centroids {
  /** [K, d] float32, row-major. */
  readonly values: Float32Array;
  /** K */
  readonly count: number;
  /** d */
  readonly dim: number;
}

export interface OpenedRun {
  /** The folder. */
  readonly path: string;
  readonly runId: string;
  readonly config: RunConfig;
  readonly images: RunImages;
  /** Name of the checkpoint, and the steps that it has seen. */
  readonly checkpoint: string;
  readonly step: number;
  readonly position: RunPosition;
  readonly layout: ParameterLayout;
  /** [layout.parameterCount] float32 */
  readonly parameters: Float32Array;
  /** [layout.statisticCount] float32: running means and variances of batch norm. */
  readonly statistics: Float32Array;
  /**
   * [N] int32 cluster of each image, by id; -1 where it has none; empty before the first
   * clustering.
   */
  readonly clusters: Int32Array;
  /**
   * Which network's they are: of a run whose epochs are all done that of {@link parameters};
   * before, the one that the newest clustering was made with, or by steps on the way to it.
   */
  readonly clustersAreOf: 'final parameters' | 'training';
  /** What is known of the final clusters, by image; null for those of training. */
  readonly details: AssignmentDetails | null;
  /** [N] int32 that the last step trained on, likewise. */
  readonly pseudoLabels: Int32Array;
  /** Null before the first clustering. */
  readonly centroids: Centroids | null;
  /** What features go through before they are assigned; null where it is L2 normalisation alone. */
  readonly whitening: Whitening | null;
  readonly record: RecordState;
}

const savedSchema = z.looseObject({
  runId: z.string().min(1),
  images: runImagesSchema,
  config: z.unknown(),
});

/**
 * @param onRejected told of checkpoints that are damaged: the newest sound one is opened
 * @throws TrainerError CONFIG_INVALID for a folder without a run, or whose run has no checkpoint
 *   yet; CHECKPOINT_CORRUPT where none is sound
 */
export async function openRun(
  folder: string,
  onRejected: OnRejected = () => undefined,
): Promise<OpenedRun> {
  const saved = await readSavedRun(folder);
  let snapshot: RunSnapshot | null = null;
  const checkpoint = await readLatestCheckpoint(join(folder, CHECKPOINTS), onRejected, (found) => {
    snapshot = fromCheckpoint(found, saved.runId);
  });
  // Its own control flow does not tell TypeScript that the callback ran.
  const content = snapshot as RunSnapshot | null;
  if (checkpoint === null || content === null) {
    throw new TrainerError(
      'CONFIG_INVALID',
      `run folder ${folder}: has no checkpoint yet; wait for the end of its first epoch`,
      { folder },
    );
  }
  const { position, layout, parameters, strategy, final, record } = content;
  const clustering = final === null ? strategy.clustering : finalToArrays(final);
  const statistics = layout.statisticCount === 0 ? null : vectorOf(parameters, 'statistics');
  return {
    ...{ path: folder, ...saved, checkpoint: checkpoint.name, step: checkpoint.step },
    ...{ position, layout, record },
    parameters: vectorOf(parameters, 'parameters'),
    statistics: statistics ?? new Float32Array(0),
    clusters: final?.clusters ?? strategy.pseudoLabels,
    clustersAreOf: final === null ? 'training' : 'final parameters',
    details: final?.details ?? null,
    pseudoLabels: strategy.pseudoLabels,
    centroids: centroidsOf(checkpoint.name, clustering),
    whitening: holdsWhitening(clustering) ? whiteningFromArrays(clustering) : null,
  };
}

/** What the folder says of its run. @throws TrainerError CONFIG_INVALID for a folder without one */
export async function readSavedRun(
  folder: string,
): Promise<Pick<OpenedRun, 'runId' | 'images' | 'config'>> {
  const path = configFileOf(folder);
  const invalid = (problem: string): TrainerError =>
    new TrainerError('CONFIG_INVALID', `run folder ${folder}: ${problem}`, { folder });
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw invalid(`its config.json cannot be read (${messageOf(error)})`);
    }
    throw noRunIn(folder);
  }
  const saved = savedSchema.safeParse(content);
  const config = saved.success ? runConfigSchema().safeParse(saved.data.config) : saved;
  if (saved.success && config.success) {
    const { runId, images } = saved.data;
    return { runId, images, config: config.data };
  }
  const issue = (saved.error ?? config.error)?.issues[0];
  const place = [...(saved.success ? ['config'] : []), ...(issue?.path ?? [])].join('.');
  throw invalid(`its config.json is not one of a run at ${place}: ${issue?.message ?? ''}`);
}

function centroidsOf(name: string, clustering: NamedArrays): Centroids | null {
  const array = clustering['centroids'];
  if (array === undefined) return null;
  const [count = 0, dim = 0] = array.shape;
  const values = arrayOf(clustering, 'centroids', Float32Array);
  if (count > 0 && count * dim === values.length) return { values, count, dim };
  throw checkpointCorrupt(name, `centroids of shape [${array.shape.join(', ')}]`);
}
