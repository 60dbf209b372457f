/** What is fuzzed of the wire: every message, the chunks of bulk, and whole exchanges with the services. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { addParametersService } from '../../server/parameter-service.ts';
import { whiteningFromArrays } from '../../src/run/whitening-arrays.ts';
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
import { messageOf } from '../../src/errors.ts';
import type { Rng } from '../../src/math/rng.ts';
import { parseLayout } from '../../src/ps/layout.ts';
import { ChunkAssembler, VectorAssembler } from '../../src/rpc/chunks.ts';
import { wire } from '../../src/rpc/definitions.ts';
import { coordinatorWorld } from './coordinator-world.ts';
import { requireLine, requireRefusal, type FuzzTarget, type Outcome } from './engine.ts';
import {
  AWKWARD_WORDS,
  mutateBytes,
  mutateText,
  mutateValue,
  once,
  pick,
  randomBytes,
} from './mutate.ts';
import { ask, methodsOf, type Answer, type Method } from './service-double.ts';
import {
  LAYOUT,
  RESTORE_LAST,
  SERVER_EXCHANGES,
  SERVER_STATES,
  coordinatorExchanges,
  sessionOf,
  STATUS,
  type Exchange,
} from './wire-seeds.ts';

const MEBIBYTE = 2 ** 20;

/** A frame of more is refused by the server itself; of these sizes there are many a second. */
const MAX_FRAME = 16 * 1024;

/** Exchanges of one case, with servers that are in one of their states at its beginning. */
const EXCHANGES_PER_CASE = 12;

export const FRAME_TARGETS: readonly FuzzTarget[] = [
  { name: 'messages', kind: 'frames', weight: 3, memoryBytes: 32 * MEBIBYTE, start: startMessages },
  { name: 'chunks', kind: 'frames', weight: 3, memoryBytes: 32 * MEBIBYTE, start: startChunks },
  { name: 'bundles', kind: 'frames', weight: 1, memoryBytes: 32 * MEBIBYTE, start: startBundles },
  { name: 'layouts', kind: 'frames', weight: 1, memoryBytes: 32 * MEBIBYTE, start: startLayouts },
  {
    ...{ name: 'parameter-server', kind: 'frames', weight: 8 },
    ...{ memoryBytes: 64 * MEBIBYTE, start: startParameterServer },
  },
  {
    ...{ name: 'coordinator', kind: 'frames', weight: 4 },
    ...{ memoryBytes: 64 * MEBIBYTE, start: startCoordinator },
  },
];

/** A message type of the wire, as the loaded contract describes it. */
interface MessageType {
  readonly type: { readonly name: string; readonly field: readonly Field[] };
  readonly serialize: (value: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => object;
}

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

/** Every message of proto/, filled at random, spoiled, and read by the wire's deserializer. */
function startMessages() {
  const types = (Object.values(wire) as unknown as Partial<MessageType>[]).filter(
    (entry): entry is MessageType => entry.type?.field !== undefined,
  );
  const byName = new Map(types.map((entry) => [entry.type.name, entry]));
  const run = (rng: Rng): Outcome => {
    const { serialize, deserialize, type } = pick(rng, types);
    const seed = serialize(randomMessage(rng, type, byName, 3));
    const other = serialize(randomMessage(rng, type, byName, 1));
    const bytes = once(rng, 8) ? randomBytes(rng, 256) : mutateBytes(rng, seed, [other], MAX_FRAME);
    const message = decoded(() => deserialize(bytes));
    if (message === null) return { inputs: 1, accepted: 0 };
    // What was read says again what was read, whatever the bytes were.
    if (once(rng, 4)) {
      const again = deserialize(serialize(message));
      assert.ok(isDeepStrictEqual(again, message), `${type.name} is another after a round trip`);
    }
    return { inputs: 1, accepted: 1 };
  };
  return Promise.resolve({ run });
}

function randomMessage(
  rng: Rng,
  { field: fields }: MessageType['type'],
  byName: ReadonlyMap<string, MessageType>,
  depth: number,
): object {
  const message: Record<string, unknown> = {};
  for (const field of fields) {
    if (once(rng, 4)) continue;
    const name = field.name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const valueOf = (): unknown => {
      if (field.type !== 'TYPE_MESSAGE') return randomScalar(rng, field.type);
      const inner = byName.get(field.typeName.split('.').at(-1) ?? '');
      return inner && depth > 0 ? randomMessage(rng, inner.type, byName, depth - 1) : {};
    };
    message[name] =
      field.label === 'LABEL_REPEATED'
        ? Array.from({ length: rng.integer(1 + rng.integer(8)) }, valueOf)
        : valueOf();
  }
  return message;
}

function randomScalar(rng: Rng, type: string): unknown {
  switch (type) {
    case 'TYPE_BOOL':
      return once(rng, 2);
    case 'TYPE_STRING':
      return pick(rng, ['', 'worker-0', JSON.stringify(LAYOUT), ...AWKWARD_WORDS]);
    case 'TYPE_BYTES':
      return randomBytes(rng, 200);
    case 'TYPE_DOUBLE':
    case 'TYPE_FLOAT':
      return pick(rng, [0, -0, 0.5, 1e300, NaN, Infinity]);
    default:
      return pick(rng, [0, 1, rng.integer(100), rng.uint32() >>> 1]);
  }
}

/** The bytes of a bulk or the values of a vector, in chunks that are in order or not, held against the plain rule. */
function startChunks() {
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
function spoilStream<Message extends object>(
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
function startBundles() {
  const ids = Int32Array.of(1, 2);
  const [oldRows, newRows] = [Float32Array.of(1, 0, 0, 1), Float32Array.of(0, 1, 1, 0)];
  const labels = Int32Array.of(0, 1);
  const change = { ids, oldRows, newRows, oldLabels: labels, newLabels: labels };
  const delta = { version: 3, isWhole: true, classes: ids, values: oldRows };
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
function startLayouts() {
  const seed = JSON.stringify(LAYOUT);
  const run = (rng: Rng): Outcome => {
    const json = once(rng, 2)
      ? mutateText(rng, seed, [seed], AWKWARD_WORDS, MAX_FRAME)
      : JSON.stringify(mutateValue(rng, LAYOUT));
    return { inputs: 1, accepted: passes(() => parseLayout(json)) ? 1 : 0 };
  };
  return Promise.resolve({ run });
}

async function startParameterServer() {
  // Each seed is taken as it stands: what is fuzzed are neighbours of what is valid.
  for (const exchanges of Object.values(SERVER_STATES)) await serverIn(exchanges);
  const run = async (rng: Rng): Promise<Outcome> => {
    const methods = await serverIn(SERVER_STATES[pick(rng, Object.keys(SERVER_STATES))]!);
    const outcome = await spoilExchanges(rng, methods, SERVER_EXCHANGES);
    await requireAnswered(methods, RESTORE_LAST);
    return outcome;
  };
  return { run };
}

async function serverIn(state: readonly Exchange[]): Promise<Map<string, Method>> {
  const methods = methodsOf(addParametersService);
  for (const exchange of state) await requireAnswered(methods, exchange);
  return methods;
}

async function startCoordinator() {
  await Promise.resolve();
  const run = async (rng: Rng): Promise<Outcome> => {
    const { methods, digest, leaseId } = await coordinatorWorld();
    const exchanges = coordinatorExchanges(digest, leaseId);
    const outcome = await spoilExchanges(rng, methods, exchanges);
    await requireAnswered(methods, STATUS);
    await requireAnswered(methods, sessionOf(digest, 'worker-9'));
    return outcome;
  };
  return { run };
}

async function requireAnswered(
  methods: ReadonlyMap<string, Method>,
  { path, messages }: Exchange,
): Promise<void> {
  const method = methods.get(path)!;
  const read = messages.map((message) => passThroughWire(method, message));
  const { failure, messages: replies } = await ask(method, read);
  // A spoiled hello may have brought a later process of the same name: the valid one is then the earlier one, for good.
  const isRefused = replies.some((reply) => {
    const { refused } = reply as { refused?: { readonly reason: string } };
    return Boolean(refused) && !/expected the newest process of this/.test(refused!.reason);
  });
  if (failure !== null || isRefused) {
    throw new Error(`a valid ${path} is refused: ${failure?.details ?? JSON.stringify(replies)}`);
  }
}

async function spoilExchanges(
  rng: Rng,
  methods: ReadonlyMap<string, Method>,
  exchanges: readonly Exchange[],
): Promise<Outcome> {
  let [inputs, accepted] = [0, 0];
  for (let count = EXCHANGES_PER_CASE; count > 0; count -= 1) {
    const { path, messages } = pick(rng, exchanges);
    const method = methods.get(path)!;
    const others = exchanges.filter((exchange) => exchange.path === path);
    const frames = spoilFrames(rng, method, messages, pick(rng, others).messages);
    inputs += frames.length;
    const read = frames.map((bytes) => decoded(() => method.definition.requestDeserialize(bytes)));
    // The server ends the call at the first frame that is no message.
    const broken = read.indexOf(null);
    const taken = broken < 0 ? read : read.slice(0, broken);
    if (taken.some(asksForMuchRoom)) continue;
    const { requestStream } = method.definition;
    if (!requestStream && taken.length === 0) continue;
    const ends = broken >= 0 || once(rng, 16) ? 'cancelled' : 'ended';
    const answer = await ask(method, taken, ends);
    requireStatus(path, answer);
    if (answer.failure === null) accepted += taken.length;
  }
  return { inputs: Math.max(1, inputs), accepted };
}

/** The frames of a call, with something wrong in values, bytes, or their order; now and then nothing at all. */
function spoilFrames(
  rng: Rng,
  { definition }: Method,
  messages: readonly object[],
  others: readonly object[],
): Buffer[] {
  const stream = definition.requestStream
    ? spoilStream(rng, [...messages], () => undefined)
    : messages;
  const frames = stream.map((message) =>
    once(rng, 4) ? serialiseSpoilt(rng, definition, message) : definition.requestSerialize(message),
  );
  const spare = others.map((message) => definition.requestSerialize(message));
  if (frames.length > 0 && once(rng, 2)) {
    const at = rng.integer(frames.length);
    frames[at] = once(rng, 10)
      ? randomBytes(rng, 300)
      : mutateBytes(rng, frames[at]!, spare, MAX_FRAME);
  }
  return frames;
}

/** Values of the wrong kind cannot be sent: then the message goes out as it was. */
function serialiseSpoilt(
  rng: Rng,
  { requestSerialize }: Method['definition'],
  message: object,
): Buffer {
  try {
    return requestSerialize(mutateValue(rng, message, [8, 12]));
  } catch {
    return requestSerialize(message);
  }
}

/**
 * Elements that a message may ask a server to make room for here. A server makes the room that its coordinator names, up to a
 * bound of its own; that is no mistake, but gigabytes for a case.
 */
const MUCH_ROOM = 2 ** 18;

function asksForMuchRoom(message: unknown): boolean {
  const { shape, header } = message as {
    shape?: { count: number; dim: number; classes: number } | null;
    header?: {
      memory?: { count: number; dim: number; classes: number } | null;
      layoutJson?: string;
    };
  };
  for (const form of [shape, header?.memory]) {
    if (form && form.dim * Math.max(form.count, form.classes) > MUCH_ROOM) return true;
  }
  const layout = /"(?:parameter|statistic)Count":(\d{6,})/.exec(header?.layoutJson ?? '');
  return layout !== null;
}

/** @throws Error for a failure that is not a TrainerError's: a handler met something that it did not foresee */
function requireStatus(path: string, { failure }: Answer): void {
  if (failure === null) return;
  const details = failure.details ?? '';
  if (failure.metadata?.get('dc-code')[0] === undefined) {
    throw new Error(`${path} fails with something else than a TrainerError: ${details}`);
  }
  requireLine(details);
}

/** What the wire's deserializer makes of bytes; null where it refuses them, which the gRPC server answers by itself. */
function decoded(deserialize: () => object): object | null {
  try {
    return deserialize();
  } catch (error) {
    if (WIRE_REFUSAL.test(messageOf(error))) return null;
    throw error;
  }
}

/** The words of protobufjs. */
const WIRE_REFUSAL =
  /^(?:index out of range|invalid wire type|invalid varint|illegal|max(?:imum)? |missing required)/i;

function passThroughWire({ definition }: Method, message: object): object {
  return definition.requestDeserialize(definition.requestSerialize(message));
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
