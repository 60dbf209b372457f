/**
 * Which settings may change when a run is resumed. Those that decide what the run has learnt so
 * far, such as the images' views, the network or the clusters, must stay; rates and lengths may
 * change, since they hold from a step on, and the run records it.
 */
import { composed } from '../algorithms/registry.ts';
import { configInvalid } from '../errors.ts';
import { runConfigSchema, type RunConfig } from './schema.ts';

/** A setting that was changed when the run was resumed. */
export interface SettingChange {
  /** The first step, counted over the whole run from 0, that the new value holds for. */
  readonly step: number;
  /** Dotted: `training.learningRate`. */
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** A setting, or a section with all that is in it; those of algorithms are named by them. */
const COMMON: readonly string[] = [
  // They move numbers, from the resumed step on.
  'epochs',
  'training.learningRate',
  'training.headLearningRate',
  'training.outerLearningRate',
  'training.schedule',
  'training.warmupEpochs',
  'training.cosineTo',
  'training.larsTrust',
  'training.weightDecay',
  'training.decayNormsAndBiases',
  // They move no number of the result.
  'cluster',
  'evaluation',
  'checkpoint',
  'data.source',
  'data.cacheBytes',
  'data.loaderThreads',
  'data.maxUnreadableFraction',
  'data.maxDamagedFraction',
  'data.waitMs',
];

const resumable = composed(
  (algorithms) =>
    new Set([
      ...COMMON,
      ...algorithms.flatMap(({ settings }) =>
        settings === null ? [] : settings.resumable.map((name) => `${settings.key}.${name}`),
      ),
    ]),
);

/** Whether a run may change the setting, or its section, when it is resumed. */
export function isResumable(key: string): boolean {
  const parts = key.split('.');
  return parts.some((_, i) => resumable().has(parts.slice(0, i + 1).join('.')));
}

type Difference = Omit<SettingChange, 'step'> & { readonly isResumable: boolean };

/**
 * What a resumed run changes, in the schema's order. A setting that the run began without, since
 * its release did not have it, had today's default.
 * @throws TrainerError CONFIG_INVALID naming the first setting that a resumed run may not change
 */
export function changesOf(saved: RunConfig, current: RunConfig, step: number): SettingChange[] {
  const began = withDefaults(saved, runConfigSchema().parse({}));
  const differences = differencesOf(began, current, '', false);
  const refused = differences.find(({ isResumable }) => !isResumable);
  if (refused !== undefined) {
    const { key, from, to } = refused;
    const rule = `must stay ${JSON.stringify(from)} when the run is resumed: leave it out, or begin another run with another --out`;
    throw configInvalid(key, rule, to);
  }
  return differences.map(({ key, from, to }) => ({ step, key, from, to }));
}

/** The settings in the order of the defaults, those of sections included. */
function withDefaults(saved: unknown, defaults: unknown): unknown {
  if (saved === undefined) return defaults;
  if (!isRecord(saved) || !isRecord(defaults)) return saved;
  const names = Object.keys({ ...defaults, ...saved });
  return Object.fromEntries(names.map((name) => [name, withDefaults(saved[name], defaults[name])]));
}

/**
 * An epoch that has begun is trained to its end.
 * @param begun epochs that the run has begun
 * @throws TrainerError CONFIG_INVALID
 */
export function requireEpochs(epochs: number, begun: number): void {
  if (epochs >= begun) return;
  throw configInvalid('epochs', `must be at least ${begun}, which the run has begun`, epochs);
}

function differencesOf(
  saved: unknown,
  current: unknown,
  key: string,
  isFree: boolean,
): Difference[] {
  const isResumable = isFree || resumable().has(key);
  if (!isRecord(saved) || !isRecord(current)) {
    const isSame = JSON.stringify(saved) === JSON.stringify(current);
    return isSame ? [] : [{ key, from: saved, to: current, isResumable }];
  }
  return Object.keys({ ...current, ...saved }).flatMap((name) =>
    differencesOf(saved[name], current[name], key === '' ? name : `${key}.${name}`, isResumable),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
