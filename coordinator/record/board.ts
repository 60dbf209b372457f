/**
 * What TensorBoard shows of a run: its curves by step, and the values of its variables by epoch,
 * in the run's folder under `tensorboard/`. Nothing of the run depends on it.
 */
import { join } from 'node:path';
import type { RunConfig } from '../../src/config/schema.ts';
import { messageOf } from '../../src/errors.ts';
import type { ParameterLayout } from '../../src/ps/layout.ts';
import { learningRateFactor } from '../../src/ps/schedule.ts';
import { vectorOf, type NamedVectors } from '../../src/rpc/named-vectors.ts';
import type { FinalClusterFigures, RunEvaluation } from '../../src/report/summary.ts';
import type { EpochRecord } from '../../src/run/record-state.ts';
import { openEventFile, type EventFile } from '../../src/tensorboard/event-file.ts';
import type { EventValue } from '../../src/tensorboard/events.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { RunWatcher } from '../outside.ts';
import type { CommittedStep } from '../run/train-epoch.ts';
import type { RunFolder } from './run-folder.ts';

export interface BoardDeps {
  readonly config: RunConfig;
  readonly folder: Pick<RunFolder, 'path' | 'isHeld'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/** @param term of which no other process has a file */
export function openBoard({ config, folder, logger }: BoardDeps, term: number): RunWatcher {
  const file = openEventFile({
    ...{ folder: join(folder.path, 'tensorboard'), term, nowMs: Date.now },
    isWriter: () => folder.isHeld(),
    onFailure: (error) => {
      logger.warn('tensorboard.failed', { reason: messageOf(error) });
    },
  });
  return new Board(config, file);
}

class Board implements RunWatcher {
  readonly #config: RunConfig;
  readonly #file: EventFile;

  constructor(config: RunConfig, file: EventFile) {
    this.#config = config;
    this.#file = file;
  }

  begun(): void {
    // The curves come by themselves.
  }

  resumed(step: number): void {
    this.#file.restart(step);
  }

  stepCommitted({ step, epoch, loss }: CommittedStep): void {
    const { learningRate, schedule } = this.#config.training;
    this.#file.add(step, [
      { tag: 'loss/step', scalar: loss },
      { tag: 'training/learning_rate', scalar: learningRate * learningRateFactor(schedule, epoch) },
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

  close(): void {
    this.#file.close();
  }
}

/** Those that are known. */
function scalars(group: string, figures: Readonly<Record<string, number | null>>): EventValue[] {
  return Object.entries(figures).flatMap(([name, scalar]) =>
    scalar === null ? [] : [{ tag: `${group}/${name}`, scalar }],
  );
}
