/**
 * How many threads each worker of a run computes with. TensorFlow's last bits depend on it, so that
 * a run keeps what it began with.
 */
import { existsSync } from 'node:fs';
import { loadRunConfig, type ConfigSources } from '../config/load.ts';
import { configFileOf } from '../run/folder.ts';
import { threadsOfShare } from './machine.ts';

type Sources = Omit<ConfigSources, 'env'>;

export interface ThreadsOfRun {
  readonly sources: Sources;
  /** What a person should know, or null. */
  readonly remark: string | null;
}

export interface RunOnMachine {
  readonly workers: number;
  /** Processor cores. */
  readonly cores: number;
  /** Folder of a run that goes on; null for a new one. */
  readonly resumed: string | null;
  readonly env: ConfigSources['env'];
}

/** The sources with `cluster.threads`: as given, as the run began, or an equal part of the cores. */
export function withThreads(sources: Sources, on: RunOnMachine): ThreadsOfRun {
  const { workers, cores, resumed, env } = on;
  const given = loadRunConfig({ ...sources, env }).config.cluster.threads;
  const began = given ?? (resumed === null ? null : threadsOfFolder(resumed));
  const threads = began ?? threadsOfShare(workers, cores, env);
  const remark =
    resumed !== null && threads > 1 && threads * workers > cores
      ? `threads: ${threads} for each of ${workers} workers, as the run began, on ${cores} cores; ` +
        'fewer are faster, and may change last bits: --set cluster.threads=' +
        String(threadsOfShare(workers, cores, {}))
      : null;
  if (given !== null) return { sources, remark };
  const setting = { key: 'cluster.threads', value: String(threads), origin: 'the cores' };
  return { sources: { ...sources, settings: [...sources.settings, setting] }, remark };
}

/** Null where the run began before runs recorded it, or not at all. */
function threadsOfFolder(folder: string): number | null {
  const file = configFileOf(folder);
  if (!existsSync(file)) return null;
  return loadRunConfig({ file, settings: [], env: {} }).config.cluster.threads;
}
