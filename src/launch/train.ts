/**
 * Training as a call: a whole run on this machine, in processes of its own, with what it tells as
 * it goes.
 */
import type { Progress } from '../telemetry/notice.ts';
import type { RunSummary } from '../report/summary.ts';
import { runLocally, type LocalRun } from './local-run.ts';

export interface TrainOptions {
  /** Folder or list of the images. */
  readonly data: string;
  /** Folder of the run; left out: a new one under `runs/`. */
  readonly out?: string;
  /** Name of a preset to build on. */
  readonly preset?: string;
  /** Configuration file, YAML or JSON. */
  readonly config?: string;
  /** Settings by their dotted key, such as `training.batchSize`; over preset and file. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Goes on with the run in `out`. */
  readonly resume?: boolean;
  /** Stops the run in order, after a checkpoint; the call then fails with code UNAVAILABLE. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Lines for a person. */
  readonly onRemark?: (text: string) => void;
}

export interface TrainedRun {
  /** Folder of the run: what `openRun` opens. */
  readonly out: string;
  readonly summary: RunSummary;
}

/**
 * Trains to the end of the run; no process of it is left then, and none where it fails.
 * @throws TrainerError CONFIG_INVALID for what no retry mends, UNAVAILABLE when stopped; an error
 *   with an `exitCode` where a process failed for another reason
 */
export function train(options: TrainOptions): Promise<TrainedRun> {
  const { data, out, preset, config, settings = {}, resume = false, signal } = options;
  const remark = (text: string): void => options.onRemark?.(text);
  const never = new AbortController().signal;
  const given = Object.entries<string | number | boolean>({ ...settings, 'data.source': data });
  return runLocally(
    {
      sources: {
        ...(config === undefined ? {} : { file: config }),
        ...(preset === undefined ? {} : { preset }),
        settings: given.map(([key, value]) => ({
          key,
          value: String(value),
          origin: key === 'data.source' ? 'data' : `settings ${key}`,
        })),
      },
      out: out ?? null,
      isResumed: resume,
      isTraced: false,
      logLevel: 'info',
    },
    {
      onNotice(_id, notice) {
        if (notice.type === 'progress') options.onProgress?.(notice);
        if (notice.type === 'remark') remark(notice.text);
        if (notice.type === 'engine') remark(`engine ${notice.reason}`);
      },
      onLine: () => undefined,
      onRemark: remark,
      onHeld: (reason) => {
        remark(`waiting: ${reason}`);
      },
      onStart: () => undefined,
    },
    { stop: signal ?? never, kill: never },
    { env: process.env, openFiles: null },
  ) satisfies Promise<LocalRun>;
}
