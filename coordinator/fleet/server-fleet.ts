/**
 * The parameter servers of a run: one in a thread of the coordinator, or processes that register themselves. A term needs all of
 * them; when one dies, falls silent or comes back as another process, what it held is gone, and the term with it.
 */
import { nanoid } from 'nanoid';
import { TrainerError, configInvalid, protocolViolation } from '../../src/errors.ts';
import type { Credentials } from '../../src/security/credentials.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { startParameterThread, type ParameterThread } from '../../server/thread.ts';

/** All servers of a term. */
export interface ReadyServers {
  /** `host:port` of each part, in their order. */
  readonly addresses: readonly string[];
  /** Of the processes, in the same order. */
  readonly incarnations: readonly string[];
  /** Aborted with a {@link ServerLost} when one of them is gone. */
  readonly lost: AbortSignal;
  /** Has `ask` called when a server has been asked to end; it goes when `release` is called. */
  readonly onLeaving: (ask: (release: () => void) => void) => void;
}

export interface ServerFleet {
  /** Waits until every part has its server. @throws the signal's reason */
  ready(signal: AbortSignal): Promise<ReadyServers>;
  stop(): Promise<void>;
}

/** A parameter server is gone: all go back to the newest checkpoint. */
export class ServerLost extends TrainerError {
  constructor(what: string, reason: string) {
    super('UNAVAILABLE', `${what}: ${reason}`);
  }
}

export interface FleetRecord {
  readonly folder: Pick<RunFolder, 'event' | 'processStarted'>;
  readonly logger: Logger;
}

/** The server inside the coordinator's process; a thread that dies is started again. */
export class OwnServer implements ServerFleet {
  readonly #listen: string;
  readonly #credentials: Credentials | null;
  readonly #record: FleetRecord;
  #thread: ParameterThread | null = null;
  #incarnation = '';

  /** @param credentials the coordinator's */
  constructor(listen: string, credentials: Credentials | null, record: FleetRecord) {
    this.#listen = listen;
    this.#credentials = credentials;
    this.#record = record;
  }

  async ready(): Promise<ReadyServers> {
    if (this.#thread === null) {
      this.#thread = await startParameterThread(this.#listen, this.#credentials?.folder ?? null);
      this.#incarnation = nanoid(10);
      const { pid } = process;
      const started = {
        role: 'server',
        id: 'server-0',
        pid,
        incarnation: this.#incarnation,
      } as const;
      this.#record.folder.processStarted(started, 'server in a thread of the coordinator');
    }
    const thread = this.#thread;
    const lost = new AbortController();
    thread.failed.catch((error: unknown) => {
      if (this.#thread === thread) this.#thread = null;
      lost.abort(new ServerLost('parameter server', String(error)));
    });
    return {
      addresses: [thread.address],
      incarnations: [this.#incarnation],
      lost: lost.signal,
      // It goes with the coordinator.
      onLeaving: () => undefined,
    };
  }

  async stop(): Promise<void> {
    await this.#thread?.stop();
  }
}

/** A server process as it says hello. */
export interface ServerIdentity {
  readonly part: number;
  readonly incarnation: string;
  readonly pid: number;
  readonly address: string;
}

interface Registered extends ServerIdentity {
  readonly seenMs: number;
}

export interface RegisteredServersOptions extends FleetRecord {
  readonly parts: number;
  /** A server silent for this long is lost [ms]. */
  readonly timeoutMs: number;
  readonly now: () => number;
}

/** Server processes, by their registrations. Transport is in server-session-service.ts. */
export class RegisteredServers implements ServerFleet {
  readonly #options: RegisteredServersOptions;
  readonly #servers = new Map<number, Registered>();
  /** Incarnations whose place another process took: two processes of one part would end each other's terms for ever. */
  readonly #superseded = new Set<string>();
  /** Those who wait for all servers. */
  readonly #waiting = new Set<() => void>();
  /** Of the term under way. */
  #lost: AbortController | null = null;
  #askToLeave: (release: () => void) => void = goAtOnce;

  constructor(options: RegisteredServersOptions) {
    this.#options = options;
  }

  /** @throws TrainerError CONFIG_INVALID for a part that the run does not have, PROTOCOL_VIOLATION once another has its place */
  join(server: ServerIdentity): void {
    const { parts, now, folder, logger } = this.#options;
    const { part, incarnation, pid, address } = server;
    if (part >= parts) {
      const rule = `must be below the run's number of servers (cluster.servers ${parts})`;
      throw configInvalid('shard', rule, part, '--shard');
    }
    if (this.#superseded.has(incarnation)) {
      throw protocolViolation(
        nameOf(part),
        'the newest process of this part',
        'an earlier one',
        'start one process for each part',
      );
    }
    const earlier = this.#servers.get(part);
    if (earlier !== undefined && earlier.incarnation !== incarnation) {
      remember(this.#superseded, earlier.incarnation);
      this.#drop(earlier, 'a new process took its place');
    }
    const id = nameOf(part);
    if (earlier?.incarnation !== incarnation) {
      const started = { role: 'server', id, pid, incarnation } as const;
      folder.processStarted(started, `parameter server at ${address}`);
      logger.info('server.ready', { id, pid, address });
    }
    this.#servers.set(part, { ...server, seenMs: now() });
    if (this.#servers.size === parts) for (const go of [...this.#waiting]) go();
  }

  /** A server that was held lost for its silence, and lives, is one again. */
  beat(identity: ServerIdentity): void {
    const { part, incarnation } = identity;
    const server = this.#servers.get(part);
    if (server === undefined && !this.#superseded.has(incarnation)) this.join(identity);
    if (server?.incarnation !== incarnation) return;
    this.#servers.set(part, { ...server, seenMs: this.#options.now() });
  }

  leave({ part, incarnation }: ServerIdentity, reason: string): void {
    const server = this.#servers.get(part);
    if (server?.incarnation === incarnation) this.#drop(server, reason);
  }

  /** A server has been asked to end; `release` lets it, once the run has what it needs. */
  wantsToLeave({ part, incarnation }: ServerIdentity, release: () => void): void {
    if (this.#servers.get(part)?.incarnation !== incarnation) {
      release();
      return;
    }
    const id = nameOf(part);
    this.#options.folder.event('server.leaving', `${id} was asked to end`, { id });
    this.#askToLeave(release);
  }

  /** Drops servers that are silent for too long. */
  tick(): void {
    const { now, timeoutMs } = this.#options;
    for (const server of this.#servers.values()) {
      const silentMs = now() - server.seenMs;
      if (silentMs > timeoutMs)
        this.#drop(server, `no sign of life for ${Math.round(silentMs)} ms`);
    }
  }

  /** Parts that have no server. */
  get missing(): readonly number[] {
    return Array.from({ length: this.#options.parts }, (_, part) => part).filter(
      (part) => !this.#servers.has(part),
    );
  }

  async ready(signal: AbortSignal): Promise<ReadyServers> {
    const { folder, logger } = this.#options;
    while (this.missing.length > 0) {
      const names = this.missing.map(nameOf).join(', ');
      logger.info('servers.awaited', { missing: names });
      folder.event('run.waiting', `for ${names}`, { servers: this.missing });
      await this.#nextComplete(signal);
    }
    this.#lost = new AbortController();
    this.#askToLeave = goAtOnce;
    const servers = [...this.#servers.values()].toSorted((a, b) => a.part - b.part);
    return {
      addresses: servers.map(({ address }) => address),
      incarnations: servers.map(({ incarnation }) => incarnation),
      lost: this.#lost.signal,
      onLeaving: (ask) => {
        this.#askToLeave = ask;
      },
    };
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  #nextComplete(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => (): void => {
        this.#waiting.delete(go);
        signal.removeEventListener('abort', stop);
        end();
      };
      const go = settle(resolve);
      const stop = settle(() => {
        reject(signal.reason as Error);
      });
      this.#waiting.add(go);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
    });
  }

  #drop({ part, incarnation }: Registered, reason: string): void {
    const { folder, logger } = this.#options;
    this.#servers.delete(part);
    const id = nameOf(part);
    folder.event('server.lost', `${id}: ${reason}`, { id, incarnation });
    logger.warn('server.lost', { id, reason });
    this.#lost?.abort(new ServerLost(id, reason));
  }
}

/** Replaced processes that are remembered: far more than can still be about. */
const MOST_REMEMBERED = 1_000;

/** Adds to what is remembered, and forgets the oldest where it grows too large. */
export function remember(incarnations: Set<string>, incarnation: string): void {
  incarnations.add(incarnation);
  if (incarnations.size <= MOST_REMEMBERED) return;
  const [oldest] = incarnations;
  if (oldest !== undefined) incarnations.delete(oldest);
}

function goAtOnce(release: () => void): void {
  release();
}

function nameOf(part: number): string {
  return `server-${part}`;
}

/** @throws TrainerError PROTOCOL_VIOLATION when a server process comes to a run that has its own */
export function refuseServers(): never {
  throw protocolViolation(
    'parameter server process',
    'none: the coordinator has one of its own',
    'one',
    'give the run its number of servers with --servers (cluster.servers)',
  );
}
