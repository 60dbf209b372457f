/**
 * The parameter servers of a run. A term needs all of them; when one dies, falls silent or comes
 * back as another process, what it held is gone, and the term with it. fleet-transition.ts decides;
 * this carries out.
 */
import { TrainerError, configInvalid, protocolViolation } from '../../src/errors.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { RunFolder } from '../record/run-folder.ts';
import {
  initialFleet,
  missingParts,
  serverName,
  type FleetAction,
  type FleetEvent,
  type FleetSettings,
  type FleetState,
  type KnownServer,
  type ServerIdentity,
} from './fleet-state.ts';
import { fleetTransition } from './fleet-transition.ts';

/** All servers of a term. */
export interface ReadyServers {
  /** `host:port` of each part, in their order. */
  readonly addresses: readonly string[];
  /** Of the processes, in the same order. */
  readonly incarnations: readonly string[];
  /** Aborted with a {@link ServerLost} when one of them is gone. */
  readonly lost: AbortSignal;
  /**
   * Tells that steps begin, which the servers alone hold. From then on `ask` is called when one has
   * been asked to end; it goes when `release` is called.
   */
  readonly onLeaving: (ask: (release: () => void) => void) => void;
}

export interface ServerFleet {
  /** Waits until every part has its server. @throws the signal's reason */
  ready(signal: AbortSignal): Promise<ReadyServers>;
  /** Time has passed. */
  tick(): void;
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

export interface RegisteredServersOptions extends FleetSettings, FleetRecord {
  readonly now: () => number;
  /** Where a server is, for people; left out: at its address. */
  readonly placeOf?: (server: ServerIdentity) => string;
}

/** Servers by their registrations. Transport is in server-session-service.ts. */
export class RegisteredServers implements ServerFleet {
  readonly #options: RegisteredServersOptions;
  #state: FleetState;
  /** Who waits for all servers. */
  #begin: ((servers: readonly KnownServer[]) => void) | null = null;
  /** Of the newest term. */
  #lost = new AbortController();
  /** Of the newest term, from its first step on. */
  #ask: (release: () => void) => void = goAtOnce;
  /** By incarnation: what lets a server go that wishes to. */
  readonly #releases = new Map<string, () => void>();

  constructor(options: RegisteredServersOptions) {
    this.#options = options;
    this.#state = initialFleet({ parts: options.parts, timeoutMs: options.timeoutMs });
  }

  /**
   * @throws TrainerError CONFIG_INVALID for a part that the run does not have, PROTOCOL_VIOLATION
   *   once another has its place
   */
  join(server: ServerIdentity): void {
    this.#dispatch({ type: 'serverJoined', server });
  }

  beat(server: ServerIdentity): void {
    this.#dispatch({ type: 'serverBeat', server });
  }

  leave(server: ServerIdentity, reason: string): void {
    this.#dispatch({ type: 'serverGone', server, reason });
  }

  /** A server has been asked to end; `release` lets it, once the run has what it needs. */
  wantsToLeave(server: ServerIdentity, release: () => void): void {
    this.#releases.set(server.incarnation, release);
    this.#dispatch({ type: 'leaveWished', server });
  }

  tick(): void {
    this.#dispatch({ type: 'tick' });
  }

  /** Parts that have no server. */
  get missing(): readonly number[] {
    return missingParts(this.#state);
  }

  ready(signal: AbortSignal): Promise<ReadyServers> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#begin = null;
        reject(signal.reason as Error);
      };
      this.#begin = (servers) => {
        signal.removeEventListener('abort', stop);
        resolve(this.#termOf(servers));
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#dispatch({ type: 'serversAwaited' });
      if (signal.aborted) stop();
    });
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  #termOf(servers: readonly KnownServer[]): ReadyServers {
    this.#lost = new AbortController();
    this.#ask = goAtOnce;
    return {
      addresses: servers.map(({ address }) => address),
      incarnations: servers.map(({ incarnation }) => incarnation),
      lost: this.#lost.signal,
      onLeaving: (ask) => {
        this.#ask = ask;
        this.#dispatch({ type: 'stepsBegun' });
      },
    };
  }

  #dispatch(event: FleetEvent): void {
    const { state, actions } = fleetTransition(this.#state, event, this.#options.now());
    this.#state = state;
    for (const action of actions) this.#carryOut(action);
  }

  #carryOut(action: FleetAction): void {
    const { folder, logger, placeOf = atItsAddress } = this.#options;
    switch (action.type) {
      case 'refuse':
        throw refusal(action, this.#options.parts);
      case 'noteStarted': {
        const { part, pid, address, incarnation } = action.server;
        const id = serverName(part);
        const started = { role: 'server', id, pid, incarnation } as const;
        folder.processStarted(started, placeOf(action.server));
        logger.info('server.ready', { id, pid, address });
        return;
      }
      case 'noteAwaited': {
        const names = action.parts.map(serverName).join(', ');
        logger.info('servers.awaited', { missing: names });
        folder.event('run.waiting', `for ${names}`, { servers: action.parts });
        return;
      }
      case 'noteLost': {
        const { reason, server } = action;
        const id = serverName(server.part);
        this.#releases.delete(server.incarnation);
        folder.event('server.lost', `${id}: ${reason}`, { id, incarnation: server.incarnation });
        logger.warn('server.lost', { id, reason });
        return;
      }
      case 'noteLeaving': {
        const id = serverName(action.server.part);
        folder.event('server.leaving', `${id} was asked to end`, { id });
        return;
      }
      case 'beginTerm':
        this.#begin?.(action.servers);
        this.#begin = null;
        return;
      case 'endTerm':
        this.#lost.abort(new ServerLost(serverName(action.server.part), action.reason));
        return;
      case 'askRun': {
        const { incarnation } = action.server;
        this.#ask(() => {
          this.#release(incarnation);
        });
        return;
      }
      case 'letGo':
        this.#release(action.server.incarnation);
        return;
    }
  }

  #release(incarnation: string): void {
    const release = this.#releases.get(incarnation);
    this.#releases.delete(incarnation);
    release?.();
  }
}

function refusal(
  { server: { part }, because }: Extract<FleetAction, { type: 'refuse' }>,
  parts: number,
): TrainerError {
  if (because === 'noSuchPart') {
    const rule = `must be below the run's number of servers (cluster.servers ${parts})`;
    return configInvalid('shard', rule, part, '--shard');
  }
  return protocolViolation(
    serverName(part),
    'the newest process of this part',
    'an earlier one',
    'start one process for each part',
  );
}

function goAtOnce(release: () => void): void {
  release();
}

function atItsAddress({ address }: ServerIdentity): string {
  return `parameter server at ${address}`;
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
