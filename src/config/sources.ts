/**
 * Where settings come from: a preset, a YAML or JSON file, the environment, flags. Each source
 * becomes a list of (key, value, origin), checked for unknown keys; src/config/load.ts lays one
 * over the other.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LineCounter, isMap, isScalar, parse, parseDocument } from 'yaml';
import { MAX_FAULTS, TrainerError, configInvalid, messageOf } from '../errors.ts';
import { configKeys, ENVIRONMENT_PREFIX, type ConfigKey } from './keys.ts';
import { nearestName } from '../messages/nearest-name.ts';
import { packageRoot } from '../process/package-root.ts';
import { suggestedKey } from './suggestion.ts';

/** One value and where it was written. */
export interface Setting {
  /** Dotted: `training.batchSize`. */
  readonly key: string;
  readonly value: unknown;
  /** For people: `run.yaml:12`, `DC_SEED`, `--set seed`. */
  readonly origin: string;
}

/** A setting given as text, as on a command line. */
export interface TextSetting extends Setting {
  readonly value: string;
}

/** What a source holds: its settings, and what is wrong with others, in their order. */
export interface SourceSettings {
  readonly settings: readonly Setting[];
  readonly faults: readonly TrainerError[];
}

export interface FileSettings extends SourceSettings {
  /** The preset the file builds on, if it names one. */
  readonly preset: TextSetting | null;
}

/** Names of the presets that come with the package. */
export function presetNames(): string[] {
  return readdirSync(join(packageRoot(), 'presets'))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/** A name that no preset has is a fault. */
export function settingsOfPreset(name: string, origin: string): SourceSettings {
  const names = presetNames();
  if (!names.includes(name)) {
    const rule = `must be one of ${names.join(', ')}`;
    return { settings: [], faults: [configInvalid('preset', rule, name, origin)] };
  }
  const path = join(packageRoot(), 'presets', `${name}.yaml`);
  return settingsOfFile(path, `preset ${name}`);
}

/**
 * Reads a config file; YAML, of which JSON is a part. The `config.json` of a run is one, too: its
 * `config` is read.
 * @param label how origins name the file
 * @throws TrainerError CONFIG_INVALID for a file that cannot be read or parsed
 */
export function settingsOfFile(path: string, label: string = path): FileSettings {
  const text = readConfigText(path);
  try {
    return settingsOfYaml(text, label);
  } catch (error) {
    if (error instanceof TrainerError) throw error;
    // The parser's own: aliases without an anchor or without end, nesting deeper than its stack.
    throw fileInvalid(label, problemOf(error));
  }
}

function settingsOfYaml(text: string, label: string): FileSettings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw fileInvalid(`${label}:${lines.linePos(error.pos[0]).line}`, problemOf(error));
  const found: Setting[] = [];
  const originAt = (node: unknown): string => {
    const start = (node as { range?: readonly number[] | null }).range?.[0];
    return start === undefined ? label : `${label}:${lines.linePos(start).line}`;
  };
  const visit = (node: unknown, prefix: string, origin: string): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const name = String(isScalar(key) ? key.value : key);
        visit(value, prefix === '' ? name : `${prefix}.${name}`, originAt(key));
      }
      return;
    }
    const value = (node as { toJS?: (of: unknown) => unknown } | null)?.toJS?.(document) ?? null;
    const isEmptySection = value === null && (prefix === '' || isSection(prefix));
    if (!isEmptySection) found.push({ key: prefix, value, origin });
  };
  visit(document.has('runId') ? document.get('config') : document.contents, '', label);
  const preset = found.find(({ key }) => key === 'preset');
  const settings = found.filter((setting) => setting !== preset);
  return { ...known(settings, ({ value }) => value), preset: preset ? presetOf(preset) : null };
}

function problemOf(error: unknown): string {
  const message = messageOf(error);
  return message.includes('call stack') ? 'is nested too deeply' : message;
}

/** A file of settings has a few kilobytes; what is this large is something else. */
const MAX_CONFIG_BYTES = 1024 * 1024;

function readConfigText(path: string): string {
  let size: number;
  try {
    ({ size } = statSync(path));
    if (size <= MAX_CONFIG_BYTES) return readFileSync(path, 'utf8');
  } catch (error) {
    throw fileInvalid(path, `cannot be read (${messageOf(error)})`);
  }
  throw fileInvalid(path, `has ${size} bytes, at most ${MAX_CONFIG_BYTES} are read`);
}

function fileInvalid(where: string, problem: string): TrainerError {
  return new TrainerError('CONFIG_INVALID', `config file ${where}: ${problem}`, { where, problem });
}

function presetOf({ key, value, origin }: Setting): TextSetting {
  if (typeof value === 'string') return { key, value, origin };
  throw configInvalid(key, `must be one of ${presetNames().join(', ')}`, value, origin);
}

/** A `DC_` variable that names no setting is a fault: most likely a slip of the pen. */
export function settingsOfEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): SourceSettings {
  const keyOf = new Map([...configKeys().values()].map((key) => [key.environmentName, key]));
  const given = Object.entries(env).filter(
    ([name, value]) => name.startsWith(ENVIRONMENT_PREFIX) && value !== undefined,
  );
  return sorted(given, ([name, text = '']) => {
    const key = keyOf.get(name);
    if (!key) return unknownName(`environment ${name}`, suggestedVariable(name), text);
    return { key: key.key, value: valueOf(key, text), origin: name };
  });
}

function suggestedVariable(name: string): string | undefined {
  const nearest = nearestName(
    name,
    [...configKeys().values()].map(({ environmentName }) => environmentName),
  );
  const key = suggestedKey(name.slice(ENVIRONMENT_PREFIX.length).replaceAll('__', '.'));
  return nearest ?? (key === undefined ? undefined : configKeys().get(key)?.environmentName);
}

export function settingsOfText(settings: readonly TextSetting[]): SourceSettings {
  return known(settings, ({ value }, key) => valueOf(key, value));
}

/** Settings with the values that `read` gives them; those of no known key are faults. */
function known<S extends Setting>(
  settings: readonly S[],
  read: (setting: S, key: ConfigKey) => unknown,
): SourceSettings {
  return sorted(settings, (setting) => {
    const key = configKeys().get(setting.key);
    return key ? { ...setting, value: read(setting, key) } : unknownKey(setting);
  });
}

/**
 * Sorts what was read into settings and faults; where these are more than are told of, ends early.
 */
function sorted<T>(items: readonly T[], read: (item: T) => Setting | TrainerError): SourceSettings {
  const settings: Setting[] = [];
  const faults: TrainerError[] = [];
  for (const item of items) {
    if (faults.length > MAX_FAULTS) break;
    const result = read(item);
    if (result instanceof TrainerError) faults.push(result);
    else settings.push(result);
  }
  return { settings, faults };
}

/** Reads text as the setting takes it; what does not parse stays text, for the schema to refuse. */
function valueOf(key: ConfigKey, text: string): unknown {
  if (key.isText && text !== 'null') return text;
  try {
    return parse(text);
  } catch {
    return text;
  }
}

function unknownKey({ key, value, origin }: Setting): TrainerError {
  if (isSection(key)) {
    return configInvalid(key, `must be a section, as in ${key}.${firstOf(key)}`, value, origin);
  }
  return unknownName(key, suggestedKey(key), value, origin);
}

function isSection(key: string): boolean {
  return [...configKeys().keys()].some((known) => known.startsWith(`${key}.`));
}

function firstOf(section: string): string {
  const first = [...configKeys().keys()].find((known) => known.startsWith(`${section}.`));
  return first?.slice(section.length + 1) ?? '';
}

function unknownName(
  name: string,
  nearest: string | undefined,
  value: unknown,
  origin?: string,
): TrainerError {
  const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
  return configInvalid(name, `must name a known setting${hint}`, value, origin);
}
