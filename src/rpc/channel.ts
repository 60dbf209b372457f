/** Channels and servers with this project's settings: windows, limits, reconnection, loopback rule, health. */
import * as grpc from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { TrainerError, configInvalid } from '../errors.ts';
import { RECEIVE_WINDOW_BYTES, installWideWindow } from './window.ts';

const MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024;

/** Limits keep a peer that restarts within seconds: grpc-js' own reconnection waits up to two minutes. */
export const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  'grpc.max_receive_message_length': MESSAGE_LIMIT_BYTES,
  'grpc.max_send_message_length': MESSAGE_LIMIT_BYTES,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.enable_retries': 0,
  'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
};

/** Credentials of a client; transport security is not part of this version, see `assertLoopback`. */
export function clientCredentials(): grpc.ChannelCredentials {
  return grpc.credentials.createInsecure();
}

/** Whether an address (`host:port`) can be reached from this machine alone. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address);
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

/** The host of `host:port` or `[host]:port`. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
}

/** @throws TrainerError CONFIG_INVALID for an address beyond this machine, unless the user has allowed it */
export function assertLoopback(address: string, isInsecureAllowed: boolean, flag: string): void {
  if (isInsecureAllowed || isLoopback(address)) return;
  throw configInvalid(
    'listen',
    'must be a loopback address while connections are not encrypted; inside a closed network add --insecure',
    address,
    flag,
  );
}

export interface BoundServer {
  /** `host:port` with the port that was given out. */
  readonly address: string;
  /** Ends gently within `graceMs`, then by force. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts a gRPC server with its services and `grpc.health.v1`.
 * @throws TrainerError CONFIG_INVALID when the port is in use or the host is not this machine's
 */
export async function startServer(
  address: string,
  addServices: (server: grpc.Server) => void,
): Promise<BoundServer> {
  if (!/^(\[[^\]]+\]|[^:]+):\d{1,5}$/.test(address)) {
    throw configInvalid(
      'listen',
      'must be HOST:PORT, for instance 127.0.0.1:7070',
      address,
      '--listen',
    );
  }
  installWideWindow();
  const server = new grpc.Server(CHANNEL_OPTIONS);
  const health = new HealthImplementation({ '': 'SERVING' });
  health.addToServer(server);
  addServices(server);
  const port = await bind(server, address);
  return {
    address: `${address.slice(0, address.lastIndexOf(':'))}:${port}`,
    stop: (graceMs) => {
      health.setStatus('', 'NOT_SERVING');
      return stopServer(server, graceMs);
    },
  };
}

function bind(server: grpc.Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
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

function stopServer(server: grpc.Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
