/**
 * The effective configuration: defaults < preset < file < environment (`DC_`) < flags, checked as a
 * whole and frozen. What a single source may hold is in src/config/sources.ts.
 */
import type { z } from 'zod';
import { configInvalid, withAllFaults, type TrainerError } from '../errors.ts';
import { runConfigSchema, type RunConfig } from './schema.ts';
import {
  settingsOfEnvironment,
  settingsOfFile,
  settingsOfPreset,
  settingsOfText,
  type Setting,
  type SourceSettings,
  type TextSetting,
} from './sources.ts';

/** Dotted key to the place its value was written, for every setting that some source set. */
export type ConfigOrigins = Readonly<Record<string, string>>;

export interface ConfigSources {
  /** YAML or JSON; may name the preset it builds on with `preset: demo`. */
  readonly file?: string;
  /** Takes the place of the preset that the file names. */
  readonly preset?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags, later ones winning. */
  readonly settings: readonly TextSetting[];
}

export interface LoadedConfig {
  readonly config: RunConfig;
  readonly origins: ConfigOrigins;
}

/**
 * @throws TrainerError CONFIG_INVALID that names each wrong setting, the rule it breaks, its value
 *   and its origin
 */
export function loadRunConfig(sources: ConfigSources): LoadedConfig {
  const file = sources.file === undefined ? null : settingsOfFile(sources.file);
  const preset =
    sources.preset === undefined ? file?.preset : { value: sources.preset, origin: '--preset' };
  return resolveRunConfig([
    ...(preset ? [settingsOfPreset(preset.value, preset.origin)] : []),
    ...(file ? [file] : []),
    settingsOfEnvironment(sources.env),
    settingsOfText(sources.settings),
  ]);
}

/** Lays the sources over the defaults, later ones winning, and checks the whole. */
function resolveRunConfig(sources: readonly SourceSettings[]): LoadedConfig {
  const settings: readonly Setting[] = sources.flatMap((source) => source.settings);
  const faults = sources.flatMap((source) => source.faults);
  const input: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  for (const { key, value, origin } of settings) {
    setAt(input, key.split('.'), value);
    origins[key] = origin;
  }
  const result = runConfigSchema().safeParse(input, { reportInput: true });
  const issues = result.success ? [] : result.error.issues;
  const ownIssues = issues.filter(({ code }) => code !== 'custom');
  // Rules across settings mean something once each setting by itself is right.
  const isEachRight = faults.length === 0 && ownIssues.length === 0;
  faults.push(...(isEachRight ? issues : ownIssues).map((issue) => invalidSetting(issue, origins)));
  if (!result.success || faults.length > 0) throw withAllFaults(faults);
  return { config: deepFreeze(result.data), origins: Object.freeze(origins) };
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const section = (target[name] ??= {}) as Record<string, unknown>;
  setAt(section, rest, value);
}

function invalidSetting(issue: z.core.$ZodIssue, origins: ConfigOrigins): TrainerError {
  const dotted = issue.path.join('.');
  const written = Object.keys(origins).find(
    (key) => dotted === key || dotted.startsWith(`${key}.`),
  );
  const origin = written === undefined ? 'the default' : origins[written];
  return configInvalid(dotted, ruleOf(issue), issue.input, origin);
}

/** Names of zod's types in a person's words. */
const TYPE_WORDS: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'an integer',
  string: 'text',
  boolean: 'true or false',
  tuple: 'a list',
  array: 'a list',
};

/** The rule that a value broke, as the rest of a sentence that starts with its key. */
function ruleOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty';
      if (issue.origin === 'array') return `must have ${issue.minimum} entries`;
      return `must be ${issue.inclusive ? 'at least' : 'greater than'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'array') return `must have ${issue.maximum} entries`;
      return `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    default:
      return issue.message;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}
