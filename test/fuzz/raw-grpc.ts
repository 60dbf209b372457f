/**
 * A real server on loopback, and a client that speaks HTTP/2 and not gRPC: length prefixes that lie, frames cut anywhere, odd
 * headers, streams that are reset, connections that are no HTTP at all. Whatever comes, the server answers a valid call after it.
 */
import assert from 'node:assert/strict';
import { once as onceEmitted } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { status } from '@grpc/grpc-js';
import { addParametersService } from '../../server/parameter-service.ts';
import type { Rng } from '../../src/math/rng.ts';
import { startServer, type BoundServer } from '../../src/rpc/channel/channel.ts';
import { coordinatorWorld } from './coordinator-world.ts';
import type { Fuzzer, FuzzTarget, Outcome } from './engine.ts';
import { mutateBytes, once, pick, randomBytes } from './mutate.ts';
import { methodsOf, type Method } from './service-double.ts';
import {
  RESTORE_FRESH,
  SERVER_EXCHANGES,
  STATUS,
  coordinatorExchanges,
  type Exchange,
} from './wire-seeds.ts';

const MEBIBYTE = 2 ** 20;

/** Each frame costs a stream: far fewer of these than of the others. */
export const RAW_TARGET: FuzzTarget = {
  ...{ name: 'raw-grpc', kind: 'frames', weight: 0.1 },
  ...{ memoryBytes: 64 * MEBIBYTE, start: startRaw },
};

/** A call that is not answered by then never will be. */
const ANSWER_MS = 20_000;
/** Cases between two valid calls. */
const CHECK_EVERY = 16;

interface Reply {
  /** Of gRPC, 0 for success; null where the stream ended without one. */
  readonly status: number | null;
}

class RawFuzzer implements Fuzzer {
  readonly #server: BoundServer;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #exchanges: readonly Exchange[];
  /** Null where it has to be opened, first or again: the server may close a connection that breaks HTTP/2. */
  #session: http2.ClientHttp2Session | null = null;
  #cases = 0;

  constructor(
    server: BoundServer,
    methods: ReadonlyMap<string, Method>,
    exchanges: readonly Exchange[],
  ) {
    this.#server = server;
    this.#methods = methods;
    this.#exchanges = exchanges;
  }

  async run(rng: Rng): Promise<Outcome> {
    this.#cases += 1;
    const outcome = once(rng, 16) ? await this.#disturb(rng) : await this.#call(rng);
    if (this.#cases % CHECK_EVERY === 1) {
      await this.requireAnswered(STATUS);
      // Fenced, where an earlier case has begun a later term.
      await this.requireAnswered(RESTORE_FRESH, [status.OK, status.ABORTED]);
    }
    return outcome;
  }

  async close(): Promise<void> {
    this.#session?.destroy();
    await this.#server.stop(0);
  }

  /** @throws Error unless the server does what it is validly asked for */
  async requireAnswered(
    { path, messages }: Exchange,
    expected: readonly number[] = [status.OK],
  ): Promise<void> {
    const method = this.#methods.get(path)!;
    const body = messages.map((message) => prefixed(method.definition.requestSerialize(message)));
    const reply = await this.#send(headersOf(path), body, 'end');
    const isExpected = reply.status !== null && expected.includes(reply.status);
    assert.ok(isExpected, `a valid ${path} is answered with status ${reply.status}`);
  }

  async #call(rng: Rng): Promise<Outcome> {
    const { path, messages } = pick(rng, this.#exchanges);
    const { definition } = this.#methods.get(path)!;
    const frames = messages.map((message) => definition.requestSerialize(message));
    const body = frames.map((frame) => spoiltFrame(rng, frame, frames));
    const whole = Buffer.concat(body);
    const bytes = once(rng, 4) ? mutateBytes(rng, whole, frames, 65_536) : whole;
    const headers = once(rng, 4) ? oddHeaders(rng, path) : headersOf(path);
    const reply = await this.#send(headers, cutUp(rng, bytes), once(rng, 8) ? 'reset' : 'end');
    return { inputs: frames.length, accepted: reply.status === 0 ? frames.length : 0 };
  }

  /** A connection that sends something else than HTTP/2, or something else after its first words. */
  async #disturb(rng: Rng): Promise<Outcome> {
    const [host = '', port] = this.#server.address.split(':');
    const socket = net.connect(Number(port), host);
    socket.on('error', () => undefined);
    await onceEmitted(socket, 'connect');
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const settings = Buffer.from('000000040000000000', 'hex');
    const greeting = Buffer.concat([preface, settings]);
    socket.write(mutateBytes(rng, greeting, [greeting, randomBytes(rng, 200)], 4_096));
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    return { inputs: 1, accepted: 0 };
  }

  async #send(
    headers: http2.OutgoingHttpHeaders,
    body: readonly Buffer[],
    ends: 'end' | 'reset',
  ): Promise<Reply> {
    const session = await this.#connected();
    return new Promise<Reply>((resolve, reject) => {
      const stream = session.request(headers);
      let received: number | null = null;
      const timer = setTimeout(() => {
        reject(new Error(`no answer after ${ANSWER_MS} ms to ${String(headers[':path'])}`));
      }, ANSWER_MS);
      const note = (fields: http2.IncomingHttpHeaders): void => {
        const text = fields['grpc-status'];
        if (text !== undefined) received = Number(text);
      };
      stream.on('response', note);
      stream.on('trailers', note);
      stream.on('error', () => undefined);
      stream.on('close', () => {
        clearTimeout(timer);
        resolve({ status: received });
      });
      stream.resume();
      for (const piece of body) stream.write(piece);
      if (ends === 'end') stream.end();
      else stream.close(http2.constants.NGHTTP2_CANCEL);
    });
  }

  async #connected(): Promise<http2.ClientHttp2Session> {
    if (this.#session !== null && !this.#session.destroyed && !this.#session.closed) {
      return this.#session;
    }
    const session = http2.connect(`http://${this.#server.address}`);
    session.on('error', () => undefined);
    await onceEmitted(session, 'connect');
    this.#session = session;
    return session;
  }
}

async function startRaw(): Promise<Fuzzer> {
  const world = await coordinatorWorld();
  const methods = new Map([...methodsOf(addParametersService), ...world.methods]);
  const server = await startServer('127.0.0.1:0', (grpcServer) => {
    addParametersService(grpcServer);
    world.addTo(grpcServer);
  });
  const exchanges = [...SERVER_EXCHANGES, ...coordinatorExchanges(world.digest, world.leaseId)];
  return new RawFuzzer(server, methods, exchanges);
}

function headersOf(path: string): http2.OutgoingHttpHeaders {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
}

function oddHeaders(rng: Rng, path: string): http2.OutgoingHttpHeaders {
  return {
    ...headersOf(path),
    ...pick<http2.OutgoingHttpHeaders>(rng, [
      { ':path': pick(rng, ['/', '/a/b', `${path}x`, '/../../etc/passwd', '/%00', '*']) },
      { ':method': pick(rng, ['GET', 'PUT', 'HEAD']) },
      { 'content-type': pick(rng, ['application/json', 'application/grpc-web', '']) },
      { 'grpc-timeout': pick(rng, ['', '1', '-1S', '99999999H', 'S', '1n', '0m']) },
      { 'grpc-encoding': pick(rng, ['gzip', 'deflate', 'snappy', '', 'identity']) },
      { 'grpc-accept-encoding': pick(rng, ['', 'none', ',,,', 'gzip']) },
      { 'x-odd-bin': pick(rng, ['', '====', 'a', randomBytes(rng, 40).toString('base64')]) },
      { 'x-long': 'x'.repeat(rng.integer(12_000)) },
    ]),
  };
}

/** A frame behind its length: of gRPC, or one that says something else. */
function spoiltFrame(rng: Rng, frame: Buffer, others: readonly Buffer[]): Buffer {
  const bytes = once(rng, 2) ? mutateBytes(rng, frame, others, 16_384) : frame;
  const wrong = [
    0,
    1,
    bytes.length - 1,
    bytes.length + 1,
    2 ** 22,
    2 ** 22 + 1,
    2 ** 31,
    2 ** 32 - 1,
  ];
  const length = once(rng, 4) ? Math.max(0, pick(rng, wrong)) : bytes.length;
  return prefixed(bytes, length, once(rng, 8) ? rng.integer(256) : 0);
}

function prefixed(bytes: Buffer, length = bytes.length, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** The bytes in pieces that begin and end anywhere. */
function cutUp(rng: Rng, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + rng.integer(1 + rng.integer(bytes.length)));
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}
