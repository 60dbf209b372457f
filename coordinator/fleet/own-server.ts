/** The parameter server inside the coordinator's process: a thread, started again when it dies. */
import { nanoid } from 'nanoid';
import { startParameterThread, type ParameterThread } from '../../server/thread.ts';
import { messageOf } from '../../src/errors.ts';
import type { Credentials } from '../../src/security/credentials.ts';
import {
  RegisteredServers,
  type FleetRecord,
  type ReadyServers,
  type ServerFleet,
} from './server-fleet.ts';

export class OwnServer implements ServerFleet {
  readonly #listen: string;
  readonly #credentials: Credentials | null;
  readonly #servers: RegisteredServers;
  /** Null before the first term, and from the death of one to the next term. */
  #thread: ParameterThread | null = null;

  /** @param credentials the coordinator's */
  constructor(listen: string, credentials: Credentials | null, record: FleetRecord) {
    this.#listen = listen;
    this.#credentials = credentials;
    this.#servers = new RegisteredServers({
      ...record,
      parts: 1,
      // A thread that dies is heard of at once.
      timeoutMs: Infinity,
      now: () => 0,
      placeOf: () => 'server in a thread of the coordinator',
    });
  }

  async ready(signal: AbortSignal): Promise<ReadyServers> {
    if (this.#thread === null) {
      const thread = await startParameterThread(this.#listen, this.#credentials?.folder ?? null);
      this.#thread = thread;
      const { address } = thread;
      const server = { part: 0, incarnation: nanoid(10), pid: process.pid, address };
      this.#servers.join(server);
      thread.failed.catch((error: unknown) => {
        if (this.#thread === thread) this.#thread = null;
        this.#servers.leave(server, messageOf(error));
      });
    }
    return this.#servers.ready(signal);
  }

  /** It goes with the coordinator, and is never silent. */
  tick(): void {
    return;
  }

  async stop(): Promise<void> {
    await this.#thread?.stop();
  }
}
