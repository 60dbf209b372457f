/** A term of a run, from the first ready worker to the report: begins or resumes, follows the loop, writes what it came to. */
import { readLatestCheckpoint, type Checkpoint } from '../../src/checkpoint/checkpoint.ts';
import type { ConfigOrigins } from '../../src/config/load.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { needsPerson } from '../../src/errors.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { Credentials } from '../../src/security/credentials.ts';
import { connectServers } from '../../src/server-clients/connect.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import type { Control } from '../control/control.ts';
import { onceThereIsRoom } from '../record/disk-room.ts';
import { withRemedy } from './divergence.ts';
import { RunLoop } from './loop.ts';
import { fromCheckpoint } from '../../src/run/checkpoint-content.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';
import { renderRunReport } from '../../src/run/run-report.ts';
import type { ReadyServers } from '../fleet/server-fleet.ts';
import { summariseRun } from '../record/run-summary.ts';

export interface ConductDeps {
  readonly runId: string;
  readonly config: RunConfig;
  readonly origins: ConfigOrigins;
  readonly source: ImageSource;
  readonly folder: RunFolder;
  readonly record: RunRecord;
  readonly control: Control;
  /** The parameter servers, by part. */
  readonly addresses: readonly string[];
  readonly term: number;
  /** Aborted when one of them is gone. */
  readonly lost: AbortSignal;
  readonly onLeaving: ReadyServers['onLeaving'];
  readonly credentials: Credentials | null;
  readonly resume: boolean;
  /**
   * Called once the run goes on with its settings: those that a resumed run refuses are not kept.
   */
  readonly settingsTaken: () => Promise<void>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Aborted with either of the two. */
  readonly ended: AbortSignal;
  readonly notify: (notice: Notice) => void;
}

/** @throws TrainerError; when the signal ended the run, after a checkpoint; ServerLost when another term must go on */
export async function conductRun(deps: ConductDeps): Promise<RunSummary> {
  const { control, folder, record, signal, lost, ended } = deps;
  const network = await Promise.race([control.membership.network, rejectOnAbort(ended)]);
  const servers = connectServers({ ...deps, ...network, dim: network.featureDim });
  const loop = new RunLoop({ ...deps, ...control, ...network, ...servers, signal: ended });
  try {
    await loop.begin(deps.resume ? await newestCheckpoint(deps) : null);
    await deps.settingsTaken();
    deps.onLeaving((release) => {
      loop.checkpointThen(release);
    });
    await loop.run().catch(async (error: unknown) => {
      const isResumable = signal.aborted || needsPerson(error);
      if (isResumable && !lost.aborted && folder.isHeld()) await loop.checkpointNow();
      await loop.settled();
      throw await withRemedy(error, loop.version, { ...deps, ...network });
    });
    const summary = summariseRun({
      ...deps,
      engine: network.engine,
      state: control.dispatcher.state,
      pseudoLabels: loop.pseudoLabels,
    });
    const page = await renderRunReport({ ...deps, summary, pseudoLabels: loop.pseudoLabels });
    const writeResults = (): void => {
      if (record.unreadable.length > 0) folder.writeUnreadable(record.unreadable);
      if (record.damaged.length > 0) folder.writeDamaged(record.damaged);
      folder.writeLosses(record.losses);
      folder.writeSummary(summary);
      folder.writeReport(page);
    };
    await onceThereIsRoom('the result', writeResults, { ...deps, signal: ended });
    folder.event('run.finished', 'all epochs are done', { steps: summary.steps });
    return summary;
  } catch (error) {
    // Calls fail in many ways once a server is gone: that it is gone is the reason.
    if (lost.aborted && !signal.aborted) throw lost.reason;
    throw error;
  } finally {
    await loop.settled();
    servers.close();
  }
}

/** The newest checkpoint that is sound, and this run's. */
function newestCheckpoint({ folder, logger, runId }: ConductDeps): Promise<Checkpoint | null> {
  return readLatestCheckpoint(
    folder.checkpoints,
    (name, reason) => {
      logger.warn('checkpoint.refused', { name, reason });
      folder.event('checkpoint.refused', reason, { name });
    },
    (checkpoint) => {
      fromCheckpoint(checkpoint, runId);
    },
  );
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
