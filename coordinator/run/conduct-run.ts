/**
 * A term of a run, from the first ready worker to the results: begins or resumes, follows the loop,
 * has its results written.
 */
import { clusterSizes } from '../../src/clustering/agreement.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { needsPerson } from '../../src/errors.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { Credentials } from '../../src/security/credentials.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import type { Control } from '../control/control.ts';
import type { ReadyServers } from '../fleet/server-fleet.ts';
import type { Connect, RunDisk } from '../outside.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';
import { summariseRun } from '../record/run-summary.ts';
import type { TermAction, TermEvent } from '../term-state.ts';
import { withRemedy } from './divergence.ts';
import { RunLoop } from './loop.ts';

export interface ConductDeps {
  readonly runId: string;
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly folder: RunFolder;
  readonly disk: RunDisk;
  readonly connect: Connect;
  readonly record: RunRecord;
  readonly control: Control;
  /** The parameter servers, by part. */
  readonly addresses: readonly string[];
  readonly term: number;
  /** Aborted when one of them is gone. */
  readonly lost: AbortSignal;
  readonly onLeaving: ReadyServers['onLeaving'];
  readonly credentials: Pick<Credentials, 'folder'> | null;
  /** Whether it goes on from the newest checkpoint. */
  readonly resume: boolean;
  /**
   * Called once the run goes on with its settings: those that a resumed run refuses are not kept.
   */
  readonly settingsTaken: () => Promise<void>;
  /** What a failure leads to. */
  readonly decide: (event: TermEvent) => readonly TermAction[];
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Aborted with either of the two. */
  readonly ended: AbortSignal;
  readonly notify: (notice: Notice) => void;
}

/** @throws TrainerError; when the signal ended the run, after a checkpoint */
export async function conductRun(deps: ConductDeps): Promise<RunSummary> {
  const { control, disk, folder, record, ended } = deps;
  const network = await Promise.race([control.membership.network, rejectOnAbort(ended)]);
  const servers = deps.connect(network, deps);
  const { saveCheckpoint } = disk;
  const watcher = disk.watch(deps.term);
  const loop = new RunLoop({
    ...{ ...deps, ...control, ...network, ...servers, signal: ended },
    ...{ saveCheckpoint, watcher },
  });
  try {
    await loop.begin(deps.resume ? await disk.newestCheckpoint() : null);
    await deps.settingsTaken();
    deps.onLeaving((release) => {
      loop.checkpointThen(release);
    });
    watcher.begun({
      ...{ record, control, addresses: deps.addresses },
      clusters: () => loop.clusters.clusters,
      checkpointThen: (done) => {
        loop.checkpointThen(done);
      },
    });
    await loop.run().catch(async (error: unknown) => {
      const actions = deps.decide({ type: 'runFailed', ...factsOf(error, deps) });
      if (actions.some(({ type }) => type === 'takeCheckpoint')) await loop.checkpointNow();
      await loop.settled();
      throw await withRemedy(error, loop.version, { ...deps, ...network });
    });
    const { clusters } = loop;
    const { state } = control.dispatcher;
    const summary = summariseRun({ ...deps, ...clusters, engine: network.engine, state });
    const sizes = clusterSizes(clusters.clusters, deps.config.clustering.k);
    watcher.finished(loop.version, clusters.final?.figures ?? null, record.evaluation, sizes);
    const results = { summary, record, ...clusters };
    await disk.writeResults(results, ended);
    folder.event('run.finished', 'all epochs are done', { steps: summary.steps });
    await watcher.resultsWritten(loop.version, results, ended);
    return summary;
  } finally {
    await loop.settled();
    await watcher.close();
    servers.close();
  }
}

function factsOf(error: unknown, { signal, lost, folder }: ConductDeps) {
  return {
    isStopped: signal.aborted,
    isServerLost: lost.aborted,
    isFolderHeld: folder.isHeld(),
    needsPerson: needsPerson(error),
  };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
