/**
 * Every setting by its dotted key, read off the schema, with the name of its environment variable:
 * `training.batchSize` is `DC_TRAINING__BATCH_SIZE`: two underscores between parts, one before each
 * capital within a part.
 */
import { z } from 'zod';
import { composed } from '../algorithms/registry.ts';
import { runConfigSchema } from './schema.ts';

export interface ConfigKey {
  /** Dotted: `training.batchSize`. */
  readonly key: string;
  readonly environmentName: string;
  /**
   * Takes text as it stands; other settings read text as YAML: numbers, `true`, `null`, `[0.3, 1]`.
   */
  readonly isText: boolean;
}

export const ENVIRONMENT_PREFIX = 'DC_';

function leafKeys(schema: z.ZodObject<z.core.$ZodShape>, prefix: readonly string[]): ConfigKey[] {
  const fields = Object.entries(schema.shape);
  return fields.flatMap(([name, field]) => {
    const path = [...prefix, name];
    const inner = withoutWrappers(field);
    if (inner instanceof z.ZodObject) return leafKeys(inner, path);
    const isText =
      inner instanceof z.ZodString || inner instanceof z.ZodEnum || inner instanceof z.ZodLiteral;
    return [{ key: path.join('.'), environmentName: environmentName(path), isText }];
  });
}

/** The schema inside defaults and nullables. */
function withoutWrappers(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodOptional
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

function environmentName(path: readonly string[]): string {
  const parts = path.map((part) => part.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase());
  return ENVIRONMENT_PREFIX + parts.join('__');
}

/** All settings, in the schema's order. */
export const configKeys: () => ReadonlyMap<string, ConfigKey> = composed(
  () => new Map(leafKeys(runConfigSchema(), []).map((key) => [key.key, key])),
);
