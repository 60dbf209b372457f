/**
 * The run, epoch by epoch: cluster, new head, train, checkpoint; then the evaluation and the summary. It owns the order and
 * the position; what each part does stands in the part's own file.
 * Source: Caron et al. 2018, section 3; spec of DeepCluster, section 1.
 */
import type { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { writeCheckpoint } from '../src/checkpoint/checkpoint.ts';
import type { NamedArrays } from '../src/checkpoint/safetensors.ts';
import {
  clusterEntropy,
  clusterSizes,
  normalizedMutualInformation,
} from '../src/clustering/agreement.ts';
import type { RunConfig } from '../src/config/schema.ts';
import type { ImageSource } from '../src/data/source.ts';
import { messageOf, protocolViolation } from '../src/errors.ts';
import { layoutHash, type ParameterLayout } from '../src/ps/layout.ts';
import type { ParametersClient } from '../src/rpc/parameters-client.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Notice } from '../src/telemetry/notice.ts';
import type { Artifacts } from './artifacts.ts';
import { clusterEpoch, type Clustering } from './cluster-epoch.ts';
import type { Dispatcher } from './dispatcher.ts';
import { planEpoch, stepCount } from './epoch-plan.ts';
import { evaluateRun } from './evaluate-run.ts';
import type { OrderContext } from './order-composer.ts';
import {
  assertResumable,
  assertSameData,
  fromCheckpoint,
  toCheckpoint,
  type RunPosition,
} from './run-checkpoint.ts';
import type { RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-record.ts';
import type { ResultPayload } from './service.ts';
import type { Phase } from './state.ts';
import { trainEpoch, type CommittedStep } from './train-epoch.ts';

export interface LoopDeps {
  readonly runId: string;
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly layout: ParameterLayout;
  /** Name of the layer whose output is the feature. */
  readonly featureName: string;
  readonly dispatcher: Dispatcher;
  readonly context: OrderContext;
  readonly artifacts: Artifacts;
  readonly parameters: ParametersClient;
  readonly record: RunRecord;
  readonly folder: RunFolder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly notify: (notice: Notice) => void;
}

export class RunLoop {
  readonly #deps: LoopDeps;
  #position: RunPosition = { epoch: 0, stage: 'cluster', index: 0, firstStep: 0 };
  /** Parameter version now; also the count of committed steps. */
  #version = 0;
  /** [images] of the newest clustering; empty before the first. */
  #pseudoLabels: Int32Array = new Int32Array(0);
  /** Centroids and whitening of the newest clustering. */
  #clustering: NamedArrays = {};
  /** Where the newest checkpoint was taken, so that none is taken twice. */
  #checkpointed = '';
  /** The checkpoint being written; the next one waits for it. */
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: LoopDeps) {
    this.#deps = deps;
  }

  get pseudoLabels(): Int32Array {
    return this.#pseudoLabels;
  }

  /** Fills the parameter server: from a checkpoint, or with initial values. */
  async begin(checkpoint: Checkpoint | null): Promise<void> {
    const { config, layout, parameters, signal } = this.#deps;
    const content = {
      layoutJson: JSON.stringify(layout),
      trainingJson: JSON.stringify(config.training),
      seed: config.seed,
    };
    if (checkpoint === null) {
      this.#version = await parameters.restore({ ...content, snapshot: null }, signal);
      return;
    }
    const saved = fromCheckpoint(checkpoint);
    assertResumable(saved.config, config);
    assertSameData(saved.dataDigest, this.#deps.source.digest);
    if (layoutHash(saved.layout) !== layoutHash(layout)) {
      throw protocolViolation(
        'parameter layout',
        layoutHash(saved.layout),
        layoutHash(layout),
        'resume with the release that began the run',
      );
    }
    this.#version = await parameters.restore({ ...content, snapshot: saved.parameters }, signal);
    this.#position = saved.position;
    this.#pseudoLabels = saved.pseudoLabels;
    this.#clustering = saved.clustering;
    this.#deps.record.restore(saved.record, saved.recordArrays);
    this.#deps.dispatcher.dispatch({ type: 'ledgerRestored', ledger: saved.ledger });
    this.#checkpointed = this.#checkpointKey();
    this.#deps.folder.event('run.resumed', `from ${checkpoint.name}`, {
      step: this.#version,
      ...this.#position,
    });
  }

  /** Everything from the position on. */
  async run(): Promise<void> {
    const { config } = this.#deps;
    while (this.#position.epoch < config.epochs) {
      if (this.#position.stage === 'cluster') await this.#cluster();
      await this.#train();
    }
    await evaluateRun({
      ...this.#deps,
      parameterVersion: this.#version,
      enterPhase: this.#enterPhase,
    });
    await this.#writing;
  }

  /** Takes a checkpoint if the run has moved since the last one, and waits until it is on disk. */
  async checkpointNow(): Promise<void> {
    const { firstStep, stage } = this.#position;
    if (stage === 'train') this.#position = { ...this.#position, index: this.#version - firstStep };
    await this.#checkpoint(AbortSignal.timeout(60_000));
    await this.#writing;
  }

  async #cluster(): Promise<void> {
    const { config, dispatcher, parameters, record, signal } = this.#deps;
    const { epoch } = this.#position;
    const clustering = await clusterEpoch(epoch, this.#version, {
      ...this.#deps,
      imageCount: this.#deps.source.count,
      noteUnreadable: (payload) => {
        record.noteExtracted(payload.header.samples);
        this.#noteUnreadable(payload);
      },
      progress: this.#progress,
      enterPhase: this.#enterPhase,
    });
    this.#noteClustering(epoch, clustering);
    this.#version = await parameters.resetHead(epoch, signal);
    const plan = planEpoch(clustering.pseudoLabels, epoch, config.seed, config.clustering);
    dispatcher.dispatch({ type: 'epochOpened', epoch, draws: plan.ids.length });
    this.#position = { epoch, stage: 'train', index: 0, firstStep: this.#version };
    await this.#checkpoint(signal);
  }

  async #train(): Promise<void> {
    const { config, context, record, folder, notify } = this.#deps;
    const { epoch, index, firstStep } = this.#position;
    const plan = planEpoch(this.#pseudoLabels, epoch, config.seed, config.clustering);
    context.firstStep = firstStep;
    const steps = stepCount(plan, config.training);
    await trainEpoch(plan, index, this.#version, {
      ...this.#deps,
      noteUnreadable: this.#noteUnreadable,
      enterPhase: this.#enterPhase,
      progress: this.#progress,
      stepDone: (step) => this.#stepDone(step, steps),
    });
    const closed = record.closeEpoch();
    folder.metrics({ ...closed });
    for (const { phase, computeSeconds, viewWaitSeconds } of record.takeDevice()) {
      const seconds = { dc_compute_seconds: computeSeconds, dc_view_wait_seconds: viewWaitSeconds };
      folder.metrics({ metric: 'dc_compute_seconds', epoch, phase, ...seconds });
    }
    const truth =
      closed.nmiToTruth === null ? '' : `, NMI to truth ${closed.nmiToTruth.toFixed(3)}`;
    const previous =
      closed.nmiToPrevious === null ? '' : `, NMI to previous ${closed.nmiToPrevious.toFixed(3)}`;
    notify({
      type: 'remark',
      text: `epoch ${epoch + 1}/${config.epochs}: loss ${(closed.meanLoss ?? NaN).toFixed(3)}${previous}${truth}, ${closed.emptyClusters} empty clusters`,
    });
    this.#position = { epoch: epoch + 1, stage: 'cluster', index: 0, firstStep: this.#version };
    await this.#checkpoint(this.#deps.signal);
  }

  async #stepDone(step: CommittedStep, stepsOfEpoch: number): Promise<void> {
    const { config, record, folder, signal } = this.#deps;
    this.#version = step.version;
    record.noteStep(step);
    folder.event('step.committed', `step ${step.step} took effect`, {
      step: step.step,
      epoch: step.epoch,
      loss: step.loss,
      samples: step.samples,
    });
    folder.metrics({ step: step.step, epoch: step.epoch, loss: step.loss });
    const index = step.version - this.#position.firstStep;
    this.#position = { ...this.#position, index };
    const { everySteps } = config.checkpoint;
    if (everySteps > 0 && step.version % everySteps === 0 && index < stepsOfEpoch) {
      await this.#checkpoint(signal);
    }
  }

  #noteClustering(epoch: number, clustering: Clustering): void {
    const { config, source, record } = this.#deps;
    const { pseudoLabels, inertia, refilled, centroids, whitening } = clustering;
    const { k } = config.clustering;
    const sizes = clusterSizes(pseudoLabels, k);
    const isFirst = this.#pseudoLabels.length === 0;
    record.openEpoch({
      epoch,
      firstStep: this.#version,
      nmiToPrevious: isFirst ? null : normalizedMutualInformation(this.#pseudoLabels, pseudoLabels),
      nmiToTruth:
        source.truth === null
          ? null
          : normalizedMutualInformation(pseudoLabels, source.truth.labels),
      emptyClusters: sizes.filter((size) => size === 0).length,
      entropy: clusterEntropy(sizes).normalised,
      inertia,
      refilled,
    });
    this.#pseudoLabels = pseudoLabels;
    this.#clustering = {
      ...whitening,
      centroids: { data: centroids, shape: [k, centroids.length / k] },
    };
  }

  readonly #noteUnreadable = (payload: ResultPayload): void => {
    const { record, folder, logger } = this.#deps;
    const fresh = record.noteUnreadable(payload);
    if (fresh.length === 0) return;
    folder.writeUnreadable(record.unreadable);
    for (const { path, reason } of fresh) logger.warn('image.skipped', { path, reason });
  };

  readonly #enterPhase = (phase: Phase): void => {
    const { record, folder } = this.#deps;
    const { epoch } = this.#position;
    record.enterPhase(phase);
    if (phase !== 'kmeans' || this.#lastPhase !== 'kmeans') {
      folder.event('phase.entered', `epoch ${epoch}: ${phase}`, { epoch, phase });
    }
    this.#lastPhase = phase;
  };

  /** So that k-means' iterations are one phase in events.jsonl. */
  #lastPhase: Phase = 'gathering';

  readonly #progress = (progress: Omit<Extract<Notice, { type: 'progress' }>, 'type'>): void => {
    this.#deps.notify({ type: 'progress', ...progress });
  };

  #checkpointKey(): string {
    const { epoch, stage, index } = this.#position;
    return `${epoch}/${stage}/${index}`;
  }

  /** The parameters are copied before this returns; writing goes on while the run does. */
  async #checkpoint(signal: AbortSignal): Promise<void> {
    const { config, dispatcher, folder, record, runId, layout, source, parameters, logger } =
      this.#deps;
    const key = this.#checkpointKey();
    if (key === this.#checkpointed) return;
    await this.#writing;
    const snapshot = await parameters.snapshot(signal);
    if (snapshot.version !== this.#version) {
      throw protocolViolation(
        'snapshot',
        `version ${this.#version}`,
        snapshot.version,
        'this is a defect',
      );
    }
    const { state, files } = toCheckpoint({
      runId,
      config,
      dataDigest: source.digest,
      layout,
      position: this.#position,
      ledger: dispatcher.state.ledger,
      record: record.state(),
      recordArrays: record.arrays(),
      parameters: snapshot,
      pseudoLabels: this.#pseudoLabels,
      clustering: this.#clustering,
    });
    this.#checkpointed = key;
    // Before and after a clustering the step is the same: the later checkpoint replaces the earlier one.
    const step = this.#version;
    const { keep } = config.checkpoint;
    this.#writing = writeCheckpoint(folder.checkpoints, step, { state, files }, { keep }).then(
      ({ name, bytes }) => {
        folder.event('checkpoint.written', name, { step, bytes });
      },
      (error: unknown) => {
        // A full disk must not cost the run; the checkpoints before this one are as they were.
        this.#checkpointed = '';
        folder.event('checkpoint.failed', messageOf(error), { step });
        logger.error('checkpoint.failed', { step, reason: messageOf(error) });
      },
    );
  }
}
