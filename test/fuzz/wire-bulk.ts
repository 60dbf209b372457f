/** Bulk of the wire: chunks, bundles of arrays and layouts, spoiled and read by all that reads them. */
import { decodeSafetensors, encodeSafetensors } from '../../src/arrays/safetensors.ts';
import {
  changeFromBundle,
  changeToBundle,
  deltaFromBundle,
  deltaToBundle,
  relabellingFromBundle,
  rowsFromBundle,
  sliceFromBundle,
} from '../../src/clustering/odc/bundles.ts';
import type { Rng } from '../../src/math/rng.ts';
import { parseLayout } from '../../src/ps/layout.ts';
import { ChunkAssembler, VectorAssembler } from '../../src/rpc/chunks.ts';
import { whiteningFromArrays } from '../../src/run/whitening-arrays.ts';
import { requireRefusal, type Outcome } from './engine.ts';
import {
  AWKWARD_WORDS,
  mutateBytes,
  mutateText,
  mutateValue,
  once,
  pick,
  randomBytes,
} from './mutate.ts';
import { MAX_FRAME } from './wire-messages.ts';
import { LAYOUT } from './wire-seeds.ts';

/** The bytes of a bulk or the values of a vector, in chunks that are in order or not, held against the plain rule. */
export function startChunks() {
  const run = (rng: Rng): Outcome => (once(rng, 2) ? spoilBytes(rng) : spoilVector(rng));
  return Promise.resolve({ run });
}

interface ByteChunk {
  offset: number;
  total: number;
  data: Uint8Array;
}

function spoilBytes(rng: Rng): Outcome {
  const whole = randomBytes(rng, 400);
  const cuts = cutsOf(rng, whole.length, 1);
  const chunks: ByteChunk[] = cuts.map(([begin, end]) => {
    return { offset: begin, total: whole.length, data: whole.subarray(begin, end) };
  });
  const stream = spoilStream(rng, chunks, (chunk) => {
    const field = pick(rng, ['offset', 'total', 'data'] as const);
    if (field === 'data') chunk.data = mutateBytes(rng, chunk.data, [whole], 500);
    else chunk[field] = oddNumber(rng, chunk[field]);
  });
  const expected = joinPlainly(stream);
  let got: Uint8Array | null | undefined;
  try {
    const assembler = new ChunkAssembler('fuzzed bulk');
    for (const chunk of stream) assembler.add(chunk);
    got = assembler.finish();
  } catch (error) {
    requireRefusal(error);
  }
  requireSame(got, expected);
  return { inputs: Math.max(1, stream.length), accepted: got === undefined ? 0 : stream.length };
}

/** The rule, without care for memory: in order, without gaps, one total, and all of it. Undefined: refused. */
function joinPlainly(stream: readonly ByteChunk[]): Uint8Array | null | undefined {
  const total = stream[0]?.total;
  if (total === undefined) return null;
  let at = 0;
  for (const chunk of stream) {
    if (chunk.total !== total || chunk.offset !== at || chunk.data.length === 0) return undefined;
    at += chunk.data.length;
    if (at > total) return undefined;
  }
  if (at !== total) return undefined;
  return Buffer.concat(stream.map(({ data }) => data));
}

interface ValueChunk {
  offset: number;
  values: Uint8Array;
}

function spoilVector(rng: Rng): Outcome {
  const elements = rng.integer(60);
  const whole = new Uint8Array(
    Float32Array.from({ length: elements }, (_, i) => i + rng.float()).buffer,
  );
  const chunks: ValueChunk[] = cutsOf(rng, whole.length, 4).map(([begin, end]) => {
    return { offset: begin / 4, values: whole.subarray(begin, end) };
  });
  const announced = once(rng, 6) ? oddNumber(rng, elements) : elements;
  const stream = spoilStream(rng, chunks, (chunk) => {
    if (once(rng, 2)) chunk.offset = oddNumber(rng, chunk.offset);
    else chunk.values = mutateBytes(rng, chunk.values, [whole], 300);
  });
  let at = 0;
  const isInOrder = stream.every(({ offset, values }) => {
    const fits = offset === at && values.length % 4 === 0 && values.length > 0;
    at += values.length / 4;
    return fits;
  });
  const isWhole = isInOrder && at === announced;
  const expected = isWhole ? Buffer.concat(stream.map(({ values }) => values)) : undefined;
  let got: Uint8Array | undefined;
  try {
    const assembler = new VectorAssembler('fuzzed vector', announced);
    for (const chunk of stream) assembler.add(chunk);
    const values = assembler.finish();
    got = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  } catch (error) {
    requireRefusal(error);
  }
  requireSame(got, expected);
  return { inputs: Math.max(1, stream.length), accepted: got === undefined ? 0 : stream.length };
}

function requireSame(
  got: Uint8Array | null | undefined,
  expected: Uint8Array | null | undefined,
): void {
  const isSame = got && expected ? Buffer.compare(got, expected) === 0 : got === expected;
  if (!isSame) {
    const lengthOf = (bytes: typeof got): string => String(bytes?.length ?? bytes);
    throw new Error(`chunks made ${lengthOf(got)} bytes, the rule says ${lengthOf(expected)}`);
  }
}

/** Consecutive ranges of 0 .. length, in multiples of `unit`. */
function cutsOf(rng: Rng, length: number, unit: number): [number, number][] {
  const cuts: [number, number][] = [];
  for (let begin = 0; begin < length;) {
    const end = Math.min(length, begin + unit * (1 + rng.integer(40)));
    cuts.push([begin, end]);
    begin = end;
  }
  return cuts;
}

function oddNumber(rng: Rng, value: number): number {
  return pick(rng, [
    ...[value + 1, Math.max(0, value - 1), 0, value * 2, 2 ** 31, 2 ** 32 - 1, 2 ** 53],
    ...[1.8446744073709552e19, 2 ** 31 - 1, 2 ** 29],
  ]);
}

/** A stream as it is, or with messages left out, repeated, swapped, cut off or changed. */
export function spoilStream<Message extends object>(
  rng: Rng,
  messages: readonly Message[],
  change: (message: Message) => void,
): Message[] {
  const stream = messages.map((message) => ({ ...message }));
  for (let count = rng.integer(4); count > 0 && stream.length > 0; count -= 1) {
    const at = rng.integer(stream.length);
    switch (rng.integer(5)) {
      case 0:
        stream.splice(at, 1);
        break;
      case 1:
        stream.splice(rng.integer(stream.length + 1), 0, { ...stream[at]! });
        break;
      case 2: {
        const other = rng.integer(stream.length);
        [stream[at], stream[other]] = [stream[other]!, stream[at]!];
        break;
      }
      case 3:
        stream.length = at;
        break;
      default:
        change(stream[at]!);
    }
  }
  return stream;
}

/** Bundles of arrays, as peers send them to each other, spoiled and read by everything that reads bundles. */
export function startBundles() {
  const ids = Int32Array.of(1, 2);
  const [oldRows, newRows] = [Float32Array.of(1, 0, 0, 1), Float32Array.of(0, 1, 1, 0)];
  const labels = Int32Array.of(0, 1);
  const change = { ids, oldRows, newRows, oldLabels: labels, newLabels: labels };
  const delta = { version: 3, isWhole: true, clusters: ids, values: oldRows };
  const whitening = {
    'whitening-mean': { data: Float64Array.of(1, 2), shape: [2] },
    'whitening-components': { data: Float64Array.of(1, 2), shape: [1, 2] },
    'whitening-eigenvalues': { data: Float64Array.of(1), shape: [1] },
  };
  const seeds = [
    encodeSafetensors(changeToBundle({ ...change, copies: 2, relabelled: 1 })),
    encodeSafetensors(deltaToBundle(delta)),
    encodeSafetensors(whitening, { note: 'one' }),
  ];
  const readers = [
    changeFromBundle,
    deltaFromBundle,
    whiteningFromArrays,
    rowsFromBundle,
    relabellingFromBundle,
    (bundle: Parameters<typeof sliceFromBundle>[0]) => sliceFromBundle(bundle, 0),
  ] as ((bundle: unknown) => unknown)[];
  const run = (rng: Rng): Outcome => {
    const bytes = mutateBytes(rng, pick(rng, seeds), seeds, MAX_FRAME);
    const isRead = passes(() => {
      const { arrays } = decodeSafetensors(bytes, { what: 'bundle', code: 'PROTOCOL_VIOLATION' });
      for (const read of readers) passes(() => read(arrays));
    });
    return { inputs: 1, accepted: isRead ? 1 : 0 };
  };
  return Promise.resolve({ run });
}

/** Parameter layouts in JSON, as the first worker brings one. */
export function startLayouts() {
  const seed = JSON.stringify(LAYOUT);
  const run = (rng: Rng): Outcome => {
    const json = once(rng, 2)
      ? mutateText(rng, seed, [seed], AWKWARD_WORDS, MAX_FRAME)
      : JSON.stringify(mutateValue(rng, LAYOUT));
    return { inputs: 1, accepted: passes(() => parseLayout(json)) ? 1 : 0 };
  };
  return Promise.resolve({ run });
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
