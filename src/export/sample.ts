/**
 * A file to hold other programs against: the probe's images and what the engine makes of them, as
 * safetensors. Arrays: `images` [n, S, S, 3] uint8 RGB, `features` [n, D] float32, and as far as
 * they were asked for `cluster` [n] int32, `distance` [n] and `logits` [n, K] float32.
 */
import { rm } from 'node:fs/promises';
import { safetensorsChunks, type NamedArray } from '../arrays/safetensors.ts';
import { writeDurably } from '../checkpoint/checkpoint-files.ts';
import { TrainerError, messageOf } from '../errors.ts';
import type { Probe } from './probe.ts';

/** Replaces the file. @throws TrainerError CONFIG_INVALID where it cannot be written */
export async function writeSample(path: string, probe: Probe): Promise<void> {
  const { count, size, pixels, outputs } = probe;
  const arrays: Record<string, NamedArray> = {
    images: { data: pixels, shape: [count, size, size, 3] },
  };
  for (const [name, values] of outputs) {
    const data = name === 'cluster' ? Int32Array.from(values) : Float32Array.from(values);
    const width = data.length / count;
    arrays[name] = { data, shape: width === 1 ? [count] : [count, width] };
  }
  try {
    await rm(path, { force: true });
    await writeDurably(path, safetensorsChunks(arrays));
  } catch (error) {
    const problem = `cannot be written (${messageOf(error)})`;
    throw new TrainerError('CONFIG_INVALID', `sample ${path}: ${problem}`, { path });
  }
}
