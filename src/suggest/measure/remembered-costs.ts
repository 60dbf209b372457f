/**
 * Measured costs that are remembered: one small JSON file in the user's cache folder, which may be
 * removed at any time. What cannot be read or written is measured again.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../process/replace-file.ts';
import type { NetworkCost } from './network-cost.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Costs that are kept; the oldest leave first. */
const MOST_KEPT = 200;

const number = z.number().nonnegative();
const costSchema: z.ZodType<NetworkCost> = z.strictObject({
  engine: z.string(),
  device: z.string(),
  threads: z.int().positive(),
  forwardSeconds: number,
  trainingSeconds: number,
  viewSeconds: number,
  baseBytes: number,
  bytesPerImage: number,
  extractionBytes: number,
});
/** By key, the oldest first. */
const fileSchema = z.strictObject({ costs: z.array(z.tuple([z.string(), costSchema])) });

type Costs = ReadonlyMap<string, NetworkCost>;

/** `$XDG_CACHE_HOME/deepcluster/network-costs.json`, or the same below `~/.cache`. */
export function rememberedCostsFile(env: Environment): string {
  const given = env['XDG_CACHE_HOME'];
  const cache = given === undefined || given === '' ? join(homedir(), '.cache') : given;
  return join(cache, 'deepcluster', 'network-costs.json');
}

/** Names all that a cost depends on. @param facts equal facts in equal order have equal keys */
export function costKey(facts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
}

/** Undefined: none is remembered, or none that can be read. */
export async function recallCost(file: string, key: string): Promise<NetworkCost | undefined> {
  return (await readCosts(file)).get(key);
}

/** Does nothing where the file cannot be written. */
export async function rememberCost(file: string, key: string, cost: NetworkCost): Promise<void> {
  const known = new Map(await readCosts(file));
  known.delete(key);
  known.set(key, cost);
  const costs = [...known].slice(-MOST_KEPT);
  try {
    await mkdir(dirname(file), { recursive: true });
    await replaceFile(file, `${JSON.stringify({ costs })}\n`);
  } catch {
    // The next one measures again.
  }
}

async function readCosts(file: string): Promise<Costs> {
  try {
    return new Map(fileSchema.parse(JSON.parse(await readFile(file, 'utf8'))).costs);
  } catch {
    return new Map();
  }
}
