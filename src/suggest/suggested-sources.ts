/**
 * The suggestion in place of the defaults, where somebody has said which images and nothing of how
 * to learn from them. It goes into the run's settings, so that a resume keeps it.
 */
import { isResumable } from '../config/resumable-settings.ts';
import { settingsOfEnvironment, settingsOfText } from '../config/sources.ts';
import type { ConfigSources } from '../config/load.ts';
import { ENGINE_CHOICES, type EngineChoice } from '../engine/registry.ts';
import { shellWord } from '../messages/command-line.ts';
import { formatSeconds } from '../telemetry/progress-view.ts';
import type { Surroundings } from './measure/measured-network.ts';
import { suggestRun, USUAL_MINUTES, type Suggestion } from './suggest.ts';
import { suggestedSettings } from './suggested-settings.ts';

type Sources = Omit<ConfigSources, 'env'>;

export interface SuggestedSources {
  readonly sources: Sources;
  /** What was suggested, in one line, and where the reasons are. */
  readonly story: string;
}

/**
 * The sources with the suggestion below what they say themselves; null where they say how to learn:
 * by a preset, a file, or a setting of the network, the views, the clusters or the training.
 * @throws TrainerError as `suggestRun`
 */
export async function withSuggestion(
  sources: Sources,
  surroundings: Surroundings,
): Promise<SuggestedSources | null> {
  const given = givenSettings(sources, surroundings.env);
  const data = given.get('data.source');
  const isOwnPlan = sources.file !== undefined || sources.preset !== undefined;
  if (isOwnPlan || typeof data !== 'string' || ![...given.keys()].every(leavesPlanOpen))
    return null;
  const suggestion = await suggestRun({
    ...surroundings,
    data,
    workers: wholeOrNull(given.get('cluster.workers')),
    memoryBytes: wholeOrNull(given.get('cluster.memoryBudget')),
    minutes: USUAL_MINUTES,
    engine: engineOf(given.get('cluster.engine')),
  });
  const settings = suggestedSettings(suggestion)
    .filter(({ key }) => !given.has(key))
    .map(({ key, value }) => ({ key, value: String(value), origin: 'deepcluster suggest' }));
  return {
    sources: {
      ...sources,
      preset: suggestion.plan.preset.name,
      settings: [...settings, ...sources.settings],
    },
    story: storyOf(suggestion, data),
  };
}

/** Values by key, flags over the environment; faults are found when the configuration is read. */
function givenSettings({ settings }: Sources, env: Surroundings['env']): Map<string, unknown> {
  const said = [...settingsOfEnvironment(env).settings, ...settingsOfText(settings).settings];
  return new Map(said.map(({ key, value }) => [key, value]));
}

/** Where, how long and by what a run is done, but not what it learns. */
export function leavesPlanOpen(key: string): boolean {
  return key === 'seed' || (isResumable(key) && !key.startsWith('training.'));
}

function wholeOrNull(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : null;
}

function engineOf(value: unknown): EngineChoice {
  return ENGINE_CHOICES.find((choice) => choice === value) ?? 'auto';
}

function storyOf({ collection, plan, engine }: Suggestion, data: string): string {
  const { epochs, imageSize, k } = plan.size;
  const chosen = `${plan.preset.name}, ${epochs} epochs, ${imageSize} px, k ${k}, engine ${engine.name}`;
  const memory = `${(plan.peakBytes / 2 ** 30).toFixed(1)} GiB a worker`;
  const reasons = `deepcluster suggest --data ${shellWord(data)}`;
  return `settings for ${collection.images} images: ${chosen}; about ${formatSeconds(plan.seconds)}, ${memory}; reasons: ${reasons}`;
}
