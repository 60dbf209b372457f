/** Whole exchanges with the services of a coordinator and a parameter server, spoiled in values, bytes or order. */
import { addParametersService } from '../../server/parameter-service.ts';
import type { Rng } from '../../src/math/rng.ts';
import { coordinatorWorld } from './coordinator-world.ts';
import { requireLine, type Outcome } from './engine.ts';
import { mutateBytes, mutateValue, once, pick, randomBytes } from './mutate.ts';
import { ask, methodsOf, type Answer, type Method } from './service-double.ts';
import { spoilStream } from './wire-bulk.ts';
import { MAX_FRAME, decoded } from './wire-messages.ts';
import {
  RESTORE_LAST,
  SERVER_EXCHANGES,
  SERVER_STATES,
  coordinatorExchanges,
  sessionOf,
  STATUS,
  type Exchange,
} from './wire-seeds.ts';

/** Exchanges of one case, with servers that are in one of their states at its beginning. */
const EXCHANGES_PER_CASE = 12;

export async function startParameterServer() {
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

export async function startCoordinator() {
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

function passThroughWire({ definition }: Method, message: object): object {
  return definition.requestDeserialize(definition.requestSerialize(message));
}
