/** Every message of the wire: filled at random, spoiled, and read by the deserializer of the wire. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { Rng } from '../../src/math/rng.ts';
import { wire } from '../../src/rpc/definitions.ts';
import { type Outcome } from './engine.ts';
import { AWKWARD_WORDS, mutateBytes, once, pick, randomBytes } from './mutate.ts';
import { LAYOUT } from './wire-seeds.ts';

/** A frame of more is refused by the server itself; of these sizes there are many a second. */
export const MAX_FRAME = 16 * 1024;

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
export function startMessages() {
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

/** What the wire's deserializer makes of bytes; null where it refuses them, which the gRPC server answers by itself. */
export function decoded(deserialize: () => object): object | null {
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
