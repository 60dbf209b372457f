/**
 * A TCP relay with faults, set for each direction while it runs: bytes that come late, slowly or never, connections that break
 * in the middle of a message, or are refused. It knows nothing of what it carries.
 */
import net from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** What happens to bytes on their way in one direction. */
export interface DirectionFaults {
  /** Each byte comes this much later [ms]. */
  delayMs: number;
  /** Null: as fast as they go. */
  bytesPerSecond: number | null;
  /** Bytes, and the end of a connection, are taken and lost: a half-open connection. */
  swallows: boolean;
  /** The connection breaks once so many more bytes have passed in this direction, over all connections; null: never. */
  cutAfterBytes: number | null;
}

const SOUND: Readonly<DirectionFaults> = {
  delayMs: 0,
  bytesPerSecond: null,
  swallows: false,
  cutAfterBytes: null,
};

/** Bytes on their way in a direction of a connection, above which its sender is made to wait. */
const MOST_BYTES_UNDER_WAY = 1024 * 1024;

export class FaultProxy {
  /** From those who connect to the target, and back. */
  readonly up: DirectionFaults = { ...SOUND };
  readonly down: DirectionFaults = { ...SOUND };
  /** New connections are reset at once. */
  refuses = false;
  /** Connections that broke in mid-stream. */
  cuts = 0;
  readonly address: string;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  /** Sockets of connections that carry nothing any more. */
  readonly #forgotten = new WeakSet<net.Socket>();

  private constructor(server: net.Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** @param target `host:port`, asked at each connection: it may not be known yet */
  static async start(target: () => string): Promise<FaultProxy> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const proxy = new FaultProxy(server, `127.0.0.1:${port}`);
    server.on('connection', (client) => {
      proxy.#accept(client, target());
    });
    return proxy;
  }

  /** No faults any more; connections that lost bytes are broken, as a network that forgot them would. */
  heal(): void {
    const hasLost = this.up.swallows || this.down.swallows;
    Object.assign(this.up, SOUND);
    Object.assign(this.down, SOUND);
    this.refuses = false;
    if (hasLost) this.breakAll();
  }

  /** Loses all bytes of the connections there are, for good and without a word, as a router does that lost its table. */
  forgetConnections(): void {
    for (const socket of this.#sockets) this.#forgotten.add(socket);
  }

  /** Resets every connection. */
  breakAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    this.breakAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: net.Socket, target: string): void {
    // Without a listener the reset that a test asks for would end the test.
    client.on('error', () => undefined);
    if (this.refuses) {
      client.resetAndDestroy();
      return;
    }
    const colon = target.lastIndexOf(':');
    const server = net.connect(Number(target.slice(colon + 1)), target.slice(0, colon));
    server.on('error', () => client.resetAndDestroy());
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    void this.#relay(client, server, this.up);
    void this.#relay(server, client, this.down);
  }

  /** Carries bytes until an end; then breaks both halves, unless the end is swallowed. */
  async #relay(from: net.Socket, to: net.Socket, faults: DirectionFaults): Promise<void> {
    let underWay: Promise<unknown> = Promise.resolve();
    let bytesUnderWay = 0;
    from.on('data', (chunk: Buffer) => {
      if (faults.swallows || this.#forgotten.has(from)) return;
      const dueMs = performance.now() + faults.delayMs;
      bytesUnderWay += chunk.length;
      if (bytesUnderWay > MOST_BYTES_UNDER_WAY) from.pause();
      underWay = underWay
        .then(() => this.#pass(chunk, dueMs, to, faults))
        .then(() => {
          bytesUnderWay -= chunk.length;
          if (bytesUnderWay <= MOST_BYTES_UNDER_WAY) from.resume();
        });
    });
    await new Promise((resolve) => from.once('close', resolve));
    await underWay;
    if (!faults.swallows && !this.#forgotten.has(from)) to.destroy();
  }

  async #pass(
    chunk: Buffer,
    dueMs: number,
    to: net.Socket,
    faults: DirectionFaults,
  ): Promise<void> {
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    if (faults.bytesPerSecond !== null) await sleep((1000 * chunk.length) / faults.bytesPerSecond);
    if (faults.swallows || this.#forgotten.has(to) || to.destroyed) return;
    const left = faults.cutAfterBytes;
    if (left !== null && chunk.length >= left) {
      to.write(chunk.subarray(0, left));
      faults.cutAfterBytes = null;
      this.cuts += 1;
      // What was written is to arrive: the cut is in the midst of the message, not before it.
      to.end();
      return;
    }
    if (left !== null) faults.cutAfterBytes = left - chunk.length;
    if (!to.write(chunk))
      await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => undefined);
  }
}
