/**
 * A parameter server as a process of its own: it serves its parameter shard, and keeps a session
 * with the coordinator, which learns by its end that the server is gone. It loads no tensor
 * library, and keeps nothing that a checkpoint has not.
 */
import { nanoid } from 'nanoid';
import { EXIT, TrainerError } from '../src/errors.ts';
import { channelTo, startHealthServer, startServer } from '../src/rpc/channel/channel.ts';
import { PROTOCOL_VERSION, wire } from '../src/rpc/definitions.ts';
import type { ServerHello } from '../src/rpc/generated/deepcluster/v1/ServerHello.ts';
import type { ServerOrder__Output } from '../src/rpc/generated/deepcluster/v1/ServerOrder.ts';
import { keepSession, type SessionEnd } from '../src/rpc/keep-session.ts';
import { detailsOf, isWrongRole } from '../src/rpc/status.ts';
import type { Credentials } from '../src/security/credentials.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Notice } from '../src/telemetry/notice.ts';
import { addParametersService } from './parameter-service.ts';
import { refusalLog } from '../src/telemetry/refusal-log.ts';

export interface ServerOptions {
  /** `host:port` of the coordinator. */
  readonly coordinator: string;
  /** Which parameter shard it serves, counted from 0. */
  readonly shardIndex: number;
  /** `host:port`; port 0 takes any free one. */
  readonly listen: string;
  /**
   * `host` or `host:port` under which it is reached; what is left out, and null, is as it listens.
   */
  readonly advertise: string | null;
  /** Null: connections are plain, and the address must be loopback. */
  readonly credentials: Credentials | null;
  /** `host:port` for plain-text health probes; null: none. */
  readonly health: string | null;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly notify: (notice: Notice) => void;
}

const HEARTBEAT_MS = 1_000;
/** For the run to take its checkpoint, once this server was asked to end [ms]. */
const LEAVE_MS = 20_000;
const STOP_GRACE_MS = 1_000;

/**
 * Serves until the coordinator says stop.
 * @throws TrainerError when refused, or when the coordinator stays away
 */
export async function runServer(options: ServerOptions): Promise<void> {
  const { coordinator, shardIndex, listen, advertise } = options;
  const { credentials, logger, signal, notify } = options;
  const server = await startServer(listen, addParametersService, {
    credentials,
    onRefused: refusalLog(logger),
  });
  const health = options.health === null ? null : await startHealthServer(options.health);
  if (health !== null) logger.info('health.listening', { address: health.address });
  const address = advertisedAddress(server.address, advertise);
  logger.info('server.listening', { address, shardIndex });
  notify({ type: 'listening', address: server.address });
  const hello = {
    protocolVersion: PROTOCOL_VERSION,
    part: shardIndex,
    incarnation: nanoid(10),
    pid: process.pid,
    address,
  };
  const client = new wire.Coordinator(...channelTo(coordinator, 'coordinator', credentials));
  try {
    const told = await keepSession({
      signal,
      open: (heard) => stayInSession(client, hello, heard, signal),
      onBroken: (reason) => {
        logger.debug('session.broken', { reason });
      },
    });
    if (told === null || told.exitCode === EXIT.done) return;
    throw new TrainerError(told.kind === 'refused' ? 'CONFIG_INVALID' : 'UNAVAILABLE', told.reason);
  } finally {
    client.close();
    await server.stop(STOP_GRACE_MS);
    await health?.stop(STOP_GRACE_MS);
  }
}

function advertisedAddress(listening: string, advertise: string | null): string {
  if (advertise === null) return listening;
  const port = listening.slice(listening.lastIndexOf(':') + 1);
  // A bare IPv6 address has colons, too.
  const hasPort = /^(\[[^\]]+\]|[^:]+):\d{1,5}$/.test(advertise);
  return hasPort ? advertise : `${advertise}:${port}`;
}

/**
 * Opens a session, sends heartbeats, and stays in it until it ends; asked to end, it tells the
 * coordinator first.
 */
function stayInSession(
  client: InstanceType<typeof wire.Coordinator>,
  hello: ServerHello,
  heard: () => void,
  signal: AbortSignal,
): Promise<SessionEnd> {
  return new Promise((resolve) => {
    const call = client.serverSession();
    const heartbeats = setInterval(() => {
      call.write({ beat: {} });
    }, HEARTBEAT_MS);
    let lastResort: NodeJS.Timeout | undefined;
    const leave = (): void => {
      call.write({ leaving: {} });
      lastResort = setTimeout(() => {
        call.end();
      }, LEAVE_MS);
    };
    const finish = (end: SessionEnd): void => {
      clearInterval(heartbeats);
      clearTimeout(lastResort);
      signal.removeEventListener('abort', leave);
      resolve(end);
    };
    signal.addEventListener('abort', leave, { once: true });
    call.on('metadata', heard);
    call.on('data', (message: ServerOrder__Output) => {
      const { refused, stop } = message;
      if (refused) finish({ kind: 'refused', ...refused });
      else if (stop) finish({ kind: 'stopped', ...stop });
    });
    call.on('error', (error: Error) => {
      const reason = detailsOf(error);
      if (!isWrongRole(error)) finish({ kind: 'broken', reason });
      else finish({ kind: 'refused', reason, exitCode: EXIT.invalid });
    });
    call.on('end', () => {
      finish({ kind: 'broken', reason: 'the coordinator closed the session' });
    });
    call.write({ hello });
  });
}
