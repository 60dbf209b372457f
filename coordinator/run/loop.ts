/**
 * The run, epoch by epoch: cluster, new head, train, checkpoint; then the evaluation and the
 * summary. It owns the order and the position; what each part does stands in the part's own file,
 * and what the algorithm decides in its strategy. Source: Caron et al. 2018, section 3; spec of
 * DeepCluster, section 1.
 */
import { algorithmNamed, memoryColumns } from '../../src/algorithms/registry.ts';
import type { EpochStart, Strategy } from '../../src/algorithms/strategy.ts';
import type { Checkpoint } from '../../src/checkpoint/checkpoint.ts';
import {
  clusterEntropy,
  clusterSizes,
  normalizedMutualInformation,
} from '../../src/clustering/agreement.ts';
import { hitFailpoint } from '../../src/process/failpoints.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { imagesGone, protocolViolation } from '../../src/errors.ts';
import type { ParameterLayout } from '../../src/ps/layout.ts';
import type { ParameterServers } from '../../src/server-clients/parameter-servers.ts';
import type { MemoryServers } from '../../src/server-clients/memory-servers.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import type { TimedWork } from '../../src/work/kind.ts';
import { kmeansStep } from '../../src/work/kmeans-step.ts';
import { findNeighbours } from '../../src/work/pic/find-neighbours.ts';
import type { Artifacts } from '../control/artifacts.ts';
import { clusterImages, clusterMemory, fillWithCrops } from './cluster-epoch.ts';
import { clusterAtEnd } from './cluster-at-end.ts';
import type { ClusteringDeps } from '../clustering/clustering-deps.ts';
import type { Dispatcher } from '../control/dispatcher.ts';
import { stepCount } from './epoch-plan.ts';
import { evaluateRun } from './evaluate-run.ts';
import { ImageLists } from '../images/image-lists.ts';
import type { MissingImages } from '../images/missing-images.ts';
import type { RunDisk, RunResults, RunWatcher } from '../outside.ts';
import { followsStep } from '../record/checkpoint-cadence.ts';
import { Checkpoints } from '../record/checkpoints.ts';
import { CollapseWatch } from './collapse-watch.ts';
import { noteChanges } from './note-changes.ts';
import {
  fromCheckpoint,
  toCheckpoint,
  type RunPosition,
} from '../../src/run/checkpoint-content.ts';
import type { FinalClustering } from '../../src/run/final-clustering.ts';
import { initialWeights } from '../../src/run/initial-weights.ts';
import { epochLine } from '../../src/run/record-state.ts';
import { requireResumable } from '../record/resumable.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { CommittedStep } from './train-epoch.ts';
import { trainByMode } from './train-overlapping.ts';

export interface LoopDeps {
  readonly runId: string;
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly layout: ParameterLayout;
  readonly featureDim: number;
  /** Name of the layer that is evaluated. */
  readonly representationName: string;
  readonly dispatcher: Dispatcher;
  readonly artifacts: Artifacts;
  readonly images: MissingImages;
  readonly parameters: ParameterServers;
  readonly memory: MemoryServers;
  readonly record: RunRecord;
  readonly folder: RunFolder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly notify: (notice: Notice) => void;
  readonly saveCheckpoint: RunDisk['saveCheckpoint'];
  readonly watcher: RunWatcher;
}

/** Iterations of k-means; searches of one block of rows after the other. */
const REPEATED_PHASES: ReadonlySet<string> = new Set([kmeansStep.phase, findNeighbours.phase]);

export class RunLoop {
  readonly #deps: LoopDeps;
  readonly #lists: ImageLists;
  readonly #strategy: Strategy;
  readonly #checkpoints: Checkpoints;
  readonly #clustering: ClusteringDeps;
  #position: RunPosition = { epoch: 0, stage: 'cluster', index: 0, firstStep: 0 };
  /** Parameter version now; also the count of committed steps. */
  #version = 0;
  /** From the beginning of an epoch's clustering to its end. */
  #isClustering = false;
  /** Null until all epochs are done. */
  #final: FinalClustering | null = null;

  constructor(deps: LoopDeps) {
    this.#deps = deps;
    this.#checkpoints = new Checkpoints({ ...deps, keep: deps.config.checkpoint.keep });
    this.#lists = new ImageLists(deps);
    const collapse = new CollapseWatch(deps);
    this.#clustering = {
      ...deps,
      imageCount: deps.source.count,
      noteExtracted: ({ rows, unreadable, damaged }) => {
        deps.record.noteExtracted(rows);
        this.#lists.noteFound(unreadable, damaged);
      },
      imagesLeftOut: this.#imagesLeftOut,
      progress: this.#progress,
      enterPhase: this.#enterPhase,
    };
    this.#strategy = algorithmNamed(deps.config.algorithm).strategy({
      ...deps,
      imageCount: deps.source.count,
      truth: deps.source.truth,
      cluster: (epoch, version, rows) => clusterImages(epoch, version, rows, this.#clustering),
      fillMemory: (epoch, version, crops) => fillWithCrops(epoch, version, crops, this.#clustering),
      clusterMemory: (epoch, version, memory) =>
        clusterMemory(epoch, version, memory, this.#clustering),
      noteClusters: (figures, at) => {
        collapse.note(figures, at);
      },
    });
  }

  /** The clusters as they are now; for those of training no details are known. */
  get clusters(): Pick<RunResults, 'pseudoLabels' | 'clusters' | 'final'> {
    const final = this.#final;
    const { pseudoLabels } = this.#strategy;
    return { pseudoLabels, clusters: final?.clusters ?? pseudoLabels, final };
  }

  /** Fills the parameter server: from a checkpoint, or with initial values, random or a file's. */
  async begin(checkpoint: Checkpoint | null): Promise<void> {
    const { config, layout, parameters, signal } = this.#deps;
    const content = {
      layoutJson: JSON.stringify(layout),
      trainingJson: JSON.stringify(config.training),
      seed: config.seed,
    };
    if (checkpoint === null) {
      const snapshot = await initialWeights(config, layout, (reason) => {
        this.#deps.folder.event('weights.taken', reason);
      });
      this.#version = await parameters.restore({ ...content, snapshot }, signal);
      return;
    }
    const saved = fromCheckpoint(checkpoint, this.#deps.runId);
    const changes = requireResumable(saved, this.#deps);
    const memory = this.#strategy.memoryShape(saved.strategy);
    const restored = { ...content, snapshot: saved.parameters, ...(memory ? { memory } : {}) };
    this.#version = await parameters.restore(restored, signal);
    await this.#strategy.restore(saved.strategy, this.#version);
    this.#position = saved.position;
    // With more epochs the final clusters are to be found again.
    if (saved.position.epoch >= this.#deps.config.epochs) this.#final = saved.final;
    this.#deps.record.restore(saved.record, saved.recordArrays);
    this.#deps.images.restore(saved.leftOut, saved.strategy.pseudoLabels);
    noteChanges(changes, this.#deps);
    this.#deps.watcher.resumed(this.#version);
    this.#deps.dispatcher.dispatch({ type: 'ledgerRestored', ledger: saved.ledger });
    this.#checkpoints.restored(this.#checkpointKey(), this.#version);
    this.#deps.folder.event('run.resumed', `from ${checkpoint.name}`, {
      step: this.#version,
      ...this.#position,
    });
  }

  /** Of the parameters as they are; also the count of committed steps. */
  get version(): number {
    return this.#version;
  }

  /** Everything from the position on. */
  async run(): Promise<void> {
    const { config } = this.#deps;
    hitFailpoint('coordinator.begun', { step: this.#version });
    while (this.#position.epoch < config.epochs) {
      if (this.#position.stage === 'cluster') await this.#cluster();
      await this.#train();
    }
    if (this.#final === null) await this.#clusterAtEnd();
    await evaluateRun({
      ...this.#deps,
      parameterVersion: this.#version,
      enterPhase: this.#enterPhase,
      imagesLeftOut: this.#imagesLeftOut,
    });
    await this.#checkpoints.settled();
  }

  /** Takes a checkpoint if the run has moved since the last one, and waits until it is on disk. */
  async checkpointNow(): Promise<void> {
    // A clustering under way is begun again from the checkpoint before it: half of it must not be
    // kept.
    if (this.#isClustering) return;
    const { firstStep, stage } = this.#position;
    if (stage === 'train') this.#position = { ...this.#position, index: this.#version - firstStep };
    await this.#checkpoint(AbortSignal.timeout(60_000));
    await this.#checkpoints.settled();
  }

  /** Calls back once a checkpoint has all that counts: a server is about to leave. */
  checkpointThen(release: () => void): void {
    const { stage } = this.#position;
    this.#checkpoints.thenLeave({ stage, version: this.#version }, release);
  }

  /** Waits until no checkpoint is being written. */
  settled(): Promise<void> {
    return this.#checkpoints.settled();
  }

  async #cluster(): Promise<void> {
    const { dispatcher, parameters, signal } = this.#deps;
    const { epoch } = this.#position;
    this.#isClustering = true;
    const start = await this.#strategy.beginEpoch(epoch, this.#version);
    this.#noteStart(epoch, start);
    hitFailpoint('coordinator.clustered', { epoch });
    if (start.isClustered) this.#version = await parameters.resetHead(epoch, signal);
    hitFailpoint('coordinator.headReset', { epoch });
    const plan = this.#strategy.plan(epoch);
    dispatcher.dispatch({ type: 'epochOpened', epoch, draws: plan.ids.length });
    this.#position = { epoch, stage: 'train', index: 0, firstStep: this.#version };
    this.#isClustering = false;
    await this.#checkpoint(signal);
    await this.#checkpoints.letGo();
  }

  async #clusterAtEnd(): Promise<void> {
    this.#isClustering = true;
    this.#final = await clusterAtEnd(this.#strategy, this.#version, {
      ...this.#deps,
      clustering: this.#clustering,
    });
    this.#isClustering = false;
    hitFailpoint('coordinator.finallyClustered', { step: this.#version });
    this.#deps.record.enterPhase('other');
    await this.#checkpoint(this.#deps.signal);
    await this.#checkpoints.letGo();
  }

  async #train(): Promise<void> {
    const { config, source, record, folder, watcher, notify } = this.#deps;
    const { epoch, index, firstStep } = this.#position;
    const plan = this.#strategy.plan(epoch);
    const steps = stepCount(plan, config.training);
    const start = { index, firstStep, version: this.#version };
    await trainByMode(plan, start, {
      ...this.#deps,
      sliceFacts: () => this.#strategy.sliceFacts,
      imagesLeftOut: this.#imagesLeftOut,
      enterPhase: this.#enterPhase,
      progress: this.#progress,
      stepSkipped: () => {
        const { firstStep, index: skipped, ...position } = this.#position;
        this.#position = { ...position, firstStep: firstStep - 1, index: skipped + 1 };
      },
      stepApplied: (step) => this.#strategy.stepApplied(step, epoch),
      stepDone: (step) => this.#stepDone(step, steps),
    });
    if (record.epochs.at(-1)?.firstStep === this.#version) {
      const problem = `no image that epoch ${epoch} draws can be read any more`;
      throw imagesGone(source.spec, problem, 'resume the run once they are back');
    }
    const ended = this.#strategy.endEpoch(epoch);
    const closed = record.closeEpoch(ended?.end ?? null);
    folder.metrics(epochLine(closed));
    watcher.epochClosed(closed, this.#version);
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
      text: `epoch ${epoch + 1}/${config.epochs}: loss ${(closed.meanLoss ?? NaN).toFixed(3)}${previous}${truth}, ${closed.emptyClusters} empty clusters${ended === null ? '' : `, ${ended.remark}`}`,
    });
    this.#position = { epoch: epoch + 1, stage: 'cluster', index: 0, firstStep: this.#version };
    await this.#checkpoint(this.#deps.signal);
    await this.#checkpoints.letGo();
  }

  async #stepDone(step: CommittedStep, stepsOfEpoch: number): Promise<void> {
    const { config, record, folder, watcher, signal } = this.#deps;
    this.#version = step.version;
    record.noteStep(step);
    watcher.stepCommitted(step);
    const { epoch, loss, samples, staleness } = step;
    const facts = { step: step.step, epoch, loss, samples, staleness };
    folder.event('step.committed', `step ${step.step} took effect`, facts);
    folder.metrics({ step: step.step, epoch: step.epoch, loss: step.loss });
    const index = step.version - this.#position.firstStep;
    this.#position = { ...this.#position, index };
    const { everySteps } = config.checkpoint;
    const { isAwaited } = this.#checkpoints;
    if (followsStep({ everySteps, version: step.version, index, stepsOfEpoch, isAwaited })) {
      await this.#checkpoint(signal);
      await this.#checkpoints.letGo();
    }
  }

  #noteStart(epoch: number, { previousLabels, inertia, refilled }: EpochStart): void {
    const { config, source, record } = this.#deps;
    const { pseudoLabels } = this.#strategy;
    const sizes = clusterSizes(pseudoLabels, config.clustering.k);
    const agreement = (labels: Int32Array | undefined): number | null =>
      labels === undefined ? null : normalizedMutualInformation(labels, pseudoLabels);
    record.openEpoch({
      epoch,
      firstStep: this.#version,
      nmiToPrevious: agreement(previousLabels ?? undefined),
      nmiToTruth: agreement(source.truth?.labels),
      emptyClusters: sizes.filter((size) => size === 0).length,
      entropy: clusterEntropy(sizes).normalised,
      inertia,
      refilled,
    });
  }

  /**
   * From now on images are left out: a resumed run must know it before any step without them
   * counts. A clustering decides anew when it is begun again.
   */
  readonly #imagesLeftOut = async (): Promise<void> => {
    const { images, signal } = this.#deps;
    const now = [...images.leftOut.values()];
    const unreadable = now.map(({ step, reason, ...image }) => ({
      ...image,
      reason: `${reason}, left out from step ${step} on`,
    }));
    this.#lists.noteUnreadable(unreadable);
    if (!this.#isClustering) await this.#checkpoint(signal);
  };

  readonly #enterPhase = ({ phase, timedAs }: TimedWork): void => {
    const { record, folder } = this.#deps;
    const { epoch } = this.#position;
    record.enterPhase(timedAs ?? 'other');
    if (!REPEATED_PHASES.has(phase) || this.#lastPhase !== phase) {
      folder.event('phase.entered', `epoch ${epoch}: ${phase}`, { epoch, phase });
    }
    this.#lastPhase = phase;
  };

  /** So that what is repeated is one phase in events.jsonl. */
  #lastPhase = '';

  readonly #progress = (progress: Omit<Extract<Notice, { type: 'progress' }>, 'type'>): void => {
    this.#deps.notify({ type: 'progress', ...progress });
  };

  #checkpointKey(): string {
    const { epoch, stage, index } = this.#position;
    const isFinal = this.#final !== null;
    return `${epoch}/${stage}/${index}/${this.#deps.images.leftOut.size}/${isFinal}`;
  }

  /** The parameters are copied before this returns; writing goes on while the run does. */
  async #checkpoint(signal: AbortSignal): Promise<void> {
    await this.#checkpoints.take(this.#checkpointKey(), this.#version, async () => {
      const { config, dispatcher, record, runId, layout, source, parameters, images, watcher } =
        this.#deps;
      const strategy = await this.#strategy.snapshot();
      const columns = memoryColumns(config, this.#deps.featureDim);
      const snapshot = await parameters.snapshot(columns, signal);
      if (snapshot.version !== this.#version) {
        throw protocolViolation(
          'snapshot',
          `version ${this.#version}`,
          snapshot.version,
          'this is a defect',
        );
      }
      if (this.#position.stage === 'cluster' && this.#final === null) {
        watcher.parameters(this.#version, layout, snapshot);
      }
      return toCheckpoint({
        runId,
        config,
        dataDigest: source.digest,
        layout,
        position: this.#position,
        ledger: dispatcher.state.ledger,
        // The others are known by their pseudo-label, -1.
        leftOut: [...images.leftOut.values()].filter(({ id }) => strategy.pseudoLabels[id]! >= 0),
        record: record.state(),
        recordArrays: record.arrays(),
        parameters: snapshot,
        strategy,
        final: this.#final,
      });
    });
  }
}
