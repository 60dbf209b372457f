/** Bodies of orders and arrays of results, spoiled and read by their kinds of work. */
import { decodeSafetensors, encodeSafetensors } from '../../src/arrays/safetensors.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { WorkKind } from '../../src/work/kind.ts';
import { receivedResult } from '../support/made/wire-results.ts';
import { WORK_SAMPLES } from '../support/made/work-samples.ts';
import { requireRefusal, type FuzzTarget, type Outcome } from './engine.ts';
import { mutateBytes, once, pick, randomBytes } from './mutate.ts';

const MAX_BYTES = 16 * 1024;

export const WORK_TARGET: FuzzTarget = {
  ...{ name: 'work', kind: 'frames', weight: 2, memoryBytes: 32 * 2 ** 20 },
  start: () => Promise.resolve({ run: spoil }),
};

function spoil(rng: Rng): Outcome {
  const { kind, order, result } = pick(rng, WORK_SAMPLES);
  const body = kind.encodeOrder(order(rng));
  const spoiled = once(rng, 8)
    ? randomBytes(rng, 256)
    : mutateBytes(rng, body, [kind.encodeOrder(order(rng))], MAX_BYTES);
  const accepted = [
    passes(() => kind.decodeOrder(spoiled)),
    passes(() => readSpoiled(rng, kind, result(rng))),
  ];
  return { inputs: accepted.length, accepted: accepted.filter(Boolean).length };
}

function readSpoiled(rng: Rng, kind: WorkKind, result: unknown): void {
  const { header = {}, arrays = {} } = kind.encodeResult(result);
  const bytes = mutateBytes(rng, encodeSafetensors(arrays), [], MAX_BYTES);
  const context = { what: 'result', code: 'PROTOCOL_VIOLATION' } as const;
  const { arrays: read } = decodeSafetensors(bytes, context);
  kind.decodeResult({ ...receivedResult(header), arrays: read });
}

/** Whether it went well; a refusal as decoders promise it is passed over. */
function passes(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    requireRefusal(error);
    return false;
  }
}
