/**
 * Channels and servers with this project's settings: windows, limits, reconnection, loopback rule,
 * access, health.
 */
import * as grpc from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { TrainerError, configInvalid } from '../../errors.ts';
import type { Refusal } from '../../security/access.ts';
import type { Credentials } from '../../security/credentials.ts';
import { assertAddress, hostOf, isLoopback } from './address.ts';
import { explainFailures, proxyOptions, proxyVariableFor } from './dial.ts';
import {
  accessInterceptor,
  channelCredentials,
  serverCredentials,
  type Dialled,
} from './secure.ts';
import { RECEIVE_WINDOW_BYTES, installWideWindow } from './window.ts';

// What it would print by itself reaches a person as an error of ours, with what to do.
const ASKS_FOR_LOG = ['GRPC_NODE_VERBOSITY', 'GRPC_VERBOSITY', 'GRPC_NODE_TRACE', 'GRPC_TRACE'];
if (ASKS_FOR_LOG.every((name) => process.env[name] === undefined)) {
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
}

const MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024;

const MESSAGE_OPTIONS: grpc.ChannelOptions = {
  'grpc.max_receive_message_length': MESSAGE_LIMIT_BYTES,
  'grpc.max_send_message_length': MESSAGE_LIMIT_BYTES,
  'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
};

/** A connection on which nothing comes for this long is asked whether it lives [ms]. */
const KEEPALIVE_MS = 10_000;
/** Time to answer that, for a peer that has nothing long to compute [ms]. */
const PATIENCE_MS = 20_000;

/**
 * Limits find a peer that restarts within seconds: grpc-js' own reconnection waits up to two
 * minutes. A connection whose other end is gone without a word is found by keepalive, and never
 * shared: a client made anew has a connection of its own.
 */
const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  ...MESSAGE_OPTIONS,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.enable_retries': 0,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.use_local_subchannel_pool': 1,
};

/**
 * The arguments of a client's constructor: `new wire.Coordinator(...channelTo(address,
 * 'coordinator', credentials))`.
 * @param credentials null, as when left out, for a plain connection
 * @throws TrainerError CONFIG_INVALID for what is no address
 * @param patienceMs an answer to keepalive may take this long: longer than a process that shares
 *   its thread with computations can be kept from reading it
 */
export function channelTo(
  address: string,
  dialled: Dialled,
  credentials: Credentials | null = null,
  patienceMs = PATIENCE_MS,
): [string, grpc.ChannelCredentials, grpc.ClientOptions] {
  assertAddress(dialled, address, dialled === 'coordinator' ? '--coordinator' : '--advertise');
  const proxy = proxyVariableFor(address, process.env);
  const dial = { address, isSecure: credentials !== null, proxy };
  const channel = channelCredentials(credentials, dialled, hostOf(address));
  // The name for TLS: an IP address, which gRPC would put there, may not be one. The host itself is
  // checked by ours.
  const name = { 'grpc.ssl_target_name_override': 'deepcluster' };
  const options = {
    ...CHANNEL_OPTIONS,
    ...proxyOptions(dial),
    'grpc.keepalive_timeout_ms': patienceMs,
    interceptors: [explainFailures(dial)],
  };
  return [address, channel, credentials === null ? options : { ...options, ...name }];
}

/**
 * @throws TrainerError CONFIG_INVALID for an address beyond this machine where there are no
 *   credentials
 */
export function assertLoopback(address: string, hasCredentials: boolean, flag: string): void {
  if (hasCredentials || isLoopback(address)) return;
  throw configInvalid(
    'listen',
    'must be a loopback address without credentials (make them with: deepcluster certs make --out DIR --job NAME, and give --credentials DIR)',
    address,
    flag,
  );
}

/** Calls at a time on one connection: a worker has a handful. */
const SERVER_LIMITS: grpc.ServerOptions = { 'grpc.max_concurrent_streams': 128 };

export interface BoundServer {
  /** `host:port` with the port that was given out. */
  readonly address: string;
  /** Ends gently within `graceMs`, then by force. */
  stop(graceMs: number): Promise<void>;
}

export interface ServerOptions {
  /** Null, as when left out: connections are plain, and the address must be loopback. */
  readonly credentials?: Credentials | null;
  /** Told of every call that is not let in. */
  readonly onRefused?: (refusal: Refusal) => void;
}

/**
 * Starts a gRPC server with its services. With credentials, nobody without them is answered;
 * without, it also has `grpc.health.v1`.
 * @throws TrainerError CONFIG_INVALID when the port is in use, the host is not this machine's, or
 *   it needs credentials
 */
export async function startServer(
  address: string,
  addServices: (server: grpc.Server) => void,
  { credentials = null, onRefused = () => undefined }: ServerOptions = {},
): Promise<BoundServer> {
  assertAddress('listen', address, '--listen');
  assertLoopback(address, credentials !== null, '--listen');
  installWideWindow();
  const interceptors = credentials === null ? [] : [accessInterceptor(credentials, onRefused)];
  const server = new grpc.Server({ ...MESSAGE_OPTIONS, ...SERVER_LIMITS, interceptors });
  const health = new HealthImplementation({ '': 'SERVING' });
  if (credentials === null) health.addToServer(server);
  addServices(server);
  return boundServer(server, address, serverCredentials(credentials), health);
}

/** What a probe may send and hold open: it asks little. */
const HEALTH_OPTIONS: grpc.ServerOptions = {
  'grpc.max_receive_message_length': 4096,
  'grpc.max_concurrent_streams': 16,
  'grpc.max_connection_idle_ms': 60_000,
};

/**
 * Starts a server that answers `grpc.health.v1` and nothing else, in plain text and wherever it is
 * told to: for probes, which have no certificate.
 * @throws TrainerError CONFIG_INVALID when the port is in use or the host is not this machine's
 */
export async function startHealthServer(address: string): Promise<BoundServer> {
  assertAddress('health', address, '--health');
  const server = new grpc.Server(HEALTH_OPTIONS);
  const health = new HealthImplementation({ '': 'SERVING' });
  health.addToServer(server);
  return boundServer(server, address, grpc.ServerCredentials.createInsecure(), health);
}

async function boundServer(
  server: grpc.Server,
  address: string,
  credentials: grpc.ServerCredentials,
  health: HealthImplementation,
): Promise<BoundServer> {
  const port = await bind(server, address, credentials);
  return {
    address: `${address.slice(0, address.lastIndexOf(':'))}:${port}`,
    stop: (graceMs) => {
      health.setStatus('', 'NOT_SERVING');
      return stopServer(server, graceMs);
    },
  };
}

function bind(
  server: grpc.Server,
  address: string,
  credentials: grpc.ServerCredentials,
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) {
        resolve(port);
        return;
      }
      const isTaken = error.message.includes('EADDRINUSE');
      reject(
        new TrainerError(
          'CONFIG_INVALID',
          isTaken
            ? `cannot listen on ${address}: the port is in use; choose another port, or 0 for any free one`
            : `cannot listen on ${address}: ${error.message}`,
          { address },
          { cause: error },
        ),
      );
    });
  });
}

/** Time to close what was cut off [ms]. */
const CLOSE_MS = 200;

/**
 * Always ends: gRPC never tells that it has shut down where a connection broke at that very moment.
 */
function stopServer(server: grpc.Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    let timer = setTimeout(() => {
      server.forceShutdown();
      timer = setTimeout(resolve, CLOSE_MS);
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
