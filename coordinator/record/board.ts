/**
 * What TensorBoard shows of a run: its curves by step, the values of its variables by epoch, and at
 * its end pictures of its clusters, in the run's folder under `tensorboard/`. Nothing of the run
 * depends on it.
 */
import { join } from 'node:path';
import type { RunConfig } from '../../src/config/schema.ts';
import { messageOf } from '../../src/errors.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import type { ParameterLayout } from '../../src/ps/layout.ts';
import { vectorOf, type NamedVectors } from '../../src/rpc/named-vectors.ts';
import type { FinalClusterFigures, RunEvaluation } from '../../src/report/summary.ts';
import { withAnySignal } from '../../src/rpc/any-signal.ts';
import { clusteredImages, readableUntil } from '../../src/run/board/clustered-images.ts';
import { clusterEmbedding } from '../../src/run/board/embeddings.ts';
import { clusterMontages } from '../../src/run/board/montages.ts';
import { BOARD } from '../../src/run/folder.ts';
import type { EpochRecord } from '../../src/run/record-state.ts';
import { drawFilters, type NetworkNumbers } from '../../src/run/report/filters.ts';
import { openEventFile, type EventFile } from '../../src/tensorboard/event-file.ts';
import type { EventValue } from '../../src/tensorboard/events.ts';
import { projectorFiles } from '../../src/tensorboard/projector.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { RunResults, RunWatcher } from '../outside.ts';
import type { CommittedStep } from '../run/train-epoch.ts';
import { knownOf } from './known-clusters.ts';
import type { RunFolder } from './run-folder.ts';

export interface BoardDeps {
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly folder: Pick<RunFolder, 'path' | 'isHeld' | 'writeProjector'>;
  readonly logger: Pick<Logger, 'warn'>;
  /**
   * Images that are not read by then have no picture, so that a slow disk does not hold up the
   * run's end; left out: {@link READING_MS}.
   */
  readonly readingMs?: number;
}

/** For some hundreds of images of a montage, and up to 10,000 thumbnails of the projector. */
const READING_MS = 30_000;

/** @param term of which no other process has a file */
export function openBoard(deps: BoardDeps, term: number): RunWatcher {
  const { folder, logger } = deps;
  const onFailure = (error: unknown): void => {
    logger.warn('tensorboard.failed', { reason: messageOf(error) });
  };
  const file = openEventFile({
    ...{ folder: join(folder.path, BOARD), term, nowMs: Date.now, onFailure },
    isWriter: () => folder.isHeld(),
  });
  return new Board(deps, file, onFailure);
}

class Board implements RunWatcher {
  readonly #deps: BoardDeps;
  readonly #file: EventFile;
  readonly #onFailure: (error: unknown) => void;
  /** Fulfilled once the filters of all epochs so far are in the file. */
  #filters = Promise.resolve();

  constructor(deps: BoardDeps, file: EventFile, onFailure: (error: unknown) => void) {
    this.#deps = deps;
    this.#file = file;
    this.#onFailure = onFailure;
  }

  begun(): void {
    // The curves come by themselves.
  }

  resumed(step: number): void {
    this.#file.restart(step);
  }

  stepCommitted({ step, loss, rateFactor }: CommittedStep): void {
    const { learningRate } = this.#deps.config.training;
    this.#file.add(step, [
      { tag: 'loss/step', scalar: loss },
      { tag: 'training/learning_rate', scalar: learningRate * rateFactor },
    ]);
  }

  epochClosed(epoch: EpochRecord, step: number): void {
    this.#file.add(step, [
      ...scalars('loss', { epoch: epoch.meanLoss }),
      ...scalars('clusters', {
        nmi_to_previous: epoch.nmiToPrevious,
        nmi_to_classes: epoch.nmiToTruth,
        empty: epoch.emptyClusters,
        normalised_entropy: epoch.entropy,
        inertia: epoch.inertia,
      }),
      ...Object.entries(epoch.figures).flatMap(([key, figures]) => scalars(key, figures ?? {})),
      ...scalars('seconds', epoch.seconds),
    ]);
    this.#file.flush();
  }

  parameters(step: number, layout: ParameterLayout, values: NamedVectors): void {
    const vector = vectorOf(values, 'parameters');
    this.#file.add(
      step,
      layout.variables.map(({ name, offset, size }) => ({
        tag: `parameters/${name}`,
        histogram: vector.subarray(offset, offset + size),
      })),
    );
    this.#file.flush();
    // Values that may change once this has returned are read before.
    const added = this.#addFilters(step, { layout, parameters: vector }).catch(this.#onFailure);
    this.#filters = Promise.all([this.#filters, added]).then(() => undefined);
  }

  async #addFilters(step: number, network: NetworkNumbers): Promise<void> {
    const drawn = await drawFilters(network);
    if (drawn === null) return;
    const tag = `filters/${drawn.layer}`;
    this.#file.add(step, [{ tag, image: { ...drawn, channels: 4 } }]);
    this.#file.flush();
  }

  finished(
    step: number,
    final: FinalClusterFigures | null,
    evaluation: RunEvaluation | null,
    sizes: ArrayLike<number>,
  ): void {
    this.#file.add(step, [
      ...(final === null
        ? []
        : scalars('final_clusters', {
            inertia: final.inertia,
            nmi_to_training: final.nmiToTraining,
            nmi_to_classes: final.nmiToTruth,
            empty: final.emptyClusters,
            normalised_entropy: final.entropy,
          })),
      ...(evaluation === null
        ? []
        : scalars('evaluation', {
            knn_top1: evaluation.knnTop1,
            linear_top1: evaluation.linearTop1,
            random_knn_top1: evaluation.randomKnnTop1,
            random_linear_top1: evaluation.randomLinearTop1,
          })),
      { tag: 'clusters/sizes', histogram: sizes },
    ]);
    this.#file.flush();
  }

  async resultsWritten(step: number, results: RunResults, signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new Error('there is no more time for images'));
    }, this.#deps.readingMs ?? READING_MS);
    await withAnySignal([signal, late.signal], (over) => this.#show(step, results, over))
      .catch(this.#onFailure)
      .finally(() => {
        clearTimeout(timer);
      });
  }

  /** @param over once it is aborted, no more images are read */
  async #show(step: number, { clusters, final }: RunResults, over: AbortSignal): Promise<void> {
    const { config, folder, source } = this.#deps;
    const { details, centroids } = knownOf(final);
    const { k } = config.clustering;
    const images = clusteredImages(readableUntil(source, over), { clusters, details, k });
    const montages = await clusterMontages(images);
    this.#file.add(
      step,
      montages.map(({ cluster, picture }) => ({
        tag: `clusters/${cluster}`,
        image: { ...picture, channels: 3 },
      })),
    );
    this.#file.flush();
    const embedding = centroids === null ? null : await clusterEmbedding(images, centroids);
    if (embedding !== null) await folder.writeProjector(projectorFiles([embedding]));
  }

  async close(): Promise<void> {
    await this.#filters;
    this.#file.close();
  }
}

/** Those that are known. */
function scalars(group: string, figures: Readonly<Record<string, number | null>>): EventValue[] {
  return Object.entries(figures).flatMap(([name, scalar]) =>
    scalar === null ? [] : [{ tag: `${group}/${name}`, scalar }],
  );
}
