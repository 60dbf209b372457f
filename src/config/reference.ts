/**
 * The reference of all settings, read off the schemas: whatever `deepcluster settings` prints and
 * docs/settings.md says is what the schemas check.
 */
import { z } from 'zod';
import { configKeys } from './keys.ts';
import { isResumable } from './resumable-settings.ts';
import { runConfigSchema } from './schema.ts';

export interface SettingReference {
  /** Dotted: `training.batchSize`. */
  readonly key: string;
  /** What it is and what a change of it does. */
  readonly description: string;
  readonly default: unknown;
  /** For people: `whole number, at least 1`. */
  readonly values: string;
  /** Of its value; null where a number has none, or is none. */
  readonly unit: string | null;
  /** Name of its environment variable. */
  readonly environment: string;
  /** Whether a run may change it when it is resumed. */
  readonly isResumable: boolean;
}

/** As z.toJSONSchema gives it; the parts that are used here. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly unit?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly prefixItems?: readonly JsonSchema[];
  readonly items?: JsonSchema | false;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** All settings, in the schema's order. */
export function settingsReference(): SettingReference[] {
  const root = z.toJSONSchema(runConfigSchema(), { io: 'input' }) as JsonSchema;
  return [...configKeys().values()].map(({ key, environmentName }) => {
    const schema = schemaAt(root, key.split('.'));
    return {
      key,
      description: schema.description ?? '',
      default: schema.default,
      values: valuesOf(schema),
      unit: schema.unit ?? null,
      environment: environmentName,
      isResumable: isResumable(key),
    };
  });
}

/** The default for a person, in as many digits as count: `1.142857`, `[0.08, 1]`. */
export function shownDefault(value: unknown): string {
  if (typeof value === 'number') {
    return String(Number.isInteger(value) ? value : Number(value.toPrecision(7)));
  }
  if (Array.isArray(value)) return `[${value.map(shownDefault).join(', ')}]`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function schemaAt(schema: JsonSchema, path: readonly string[]): JsonSchema {
  const [name = '', ...rest] = path;
  const inner = schema.properties?.[name] ?? {};
  return rest.length === 0 ? inner : schemaAt(inner, rest);
}

function valuesOf(schema: JsonSchema): string {
  if (schema.anyOf) return schema.anyOf.map(valuesOf).join(', or ');
  if (schema.enum) return `one of ${schema.enum.join(', ')}`;
  switch (schema.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
      return ['whole number', ...boundsOf(schema)].join(', ');
    case 'number':
      return ['number', ...boundsOf(schema)].join(', ');
    case 'string':
      return 'text';
    case 'array':
      return listOf(schema);
    default:
      return schema.type ?? 'any';
  }
}

function listOf({ prefixItems, items }: JsonSchema): string {
  if (prefixItems?.[0]) {
    return `list of ${prefixItems.length}, each: ${valuesOf(prefixItems[0])}`;
  }
  const parts = items ? Object.entries(items.properties ?? {}) : [];
  return `list of {${parts.map(([name]) => name).join(', ')}}`;
}

/** `1 to 64`, `above 0`, `at most 1` */
function boundsOf(schema: JsonSchema): string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const least = isBound(minimum) ? minimum : null;
  const most = isBound(maximum) ? maximum : null;
  if (least !== null && most !== null) return [`${least} to ${most}`];
  return [
    ...(least === null ? [] : [`at least ${least}`]),
    ...(exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`]),
    ...(most === null ? [] : [`at most ${most}`]),
    ...(exclusiveMaximum === undefined ? [] : [`below ${exclusiveMaximum}`]),
  ];
}

/** The ends of JavaScript's whole numbers are no bound of a setting. */
function isBound(value: number | undefined): value is number {
  return value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER;
}
