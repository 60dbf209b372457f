/** A coordinator that answers and does nothing: it notes which calls came through, and which were turned away. */
import type * as grpc from '@grpc/grpc-js';
import { callUnary } from '../../../src/rpc/calls.ts';
import { channelTo, startServer, type BoundServer } from '../../../src/rpc/channel/channel.ts';
import { wire } from '../../../src/rpc/definitions.ts';
import type { Refusal } from '../../../src/security/access.ts';
import type { Credentials } from '../../../src/security/credentials.ts';

/** What reached the handlers, and what the interceptor turned away. */
export interface Seen {
  readonly calls: { method: string; metadata: Record<string, unknown> }[];
  readonly refusals: Refusal[];
}

export async function startNotingCoordinator(
  credentials: Credentials | null,
): Promise<BoundServer & Seen> {
  const calls: Seen['calls'] = [];
  const refusals: Refusal[] = [];
  const note = (method: string, metadata: grpc.Metadata): void => {
    calls.push({ method, metadata: metadata.getMap() });
  };
  const server = await startServer(
    '127.0.0.1:0',
    (grpcServer) => {
      grpcServer.addService(wire.Coordinator.service, {
        Session: (call: grpc.ServerDuplexStream<unknown, unknown>) => {
          note('Session', call.metadata);
          call.on('data', () => call.write({ welcome: { runId: 'r' } }));
          call.on('end', () => call.end());
        },
        Heartbeat: (
          call: grpc.ServerUnaryCall<unknown, unknown>,
          done: grpc.sendUnaryData<unknown>,
        ) => {
          note('Heartbeat', call.metadata);
          done(null, { known: true });
        },
        Status: (
          call: grpc.ServerUnaryCall<unknown, unknown>,
          done: grpc.sendUnaryData<unknown>,
        ) => {
          note('Status', call.metadata);
          done(null, { runId: 'the-run' });
        },
        FetchArtifact: (call: grpc.ServerWritableStream<unknown, unknown>) => {
          note('FetchArtifact', call.metadata);
          call.end();
        },
        SubmitResult: (
          call: grpc.ServerReadableStream<unknown, unknown>,
          done: grpc.sendUnaryData<unknown>,
        ) => {
          note('SubmitResult', call.metadata);
          done(null, {});
        },
      });
    },
    { credentials, onRefused: (refusal) => refusals.push(refusal) },
  );
  return { ...server, calls, refusals };
}

export async function heartbeat(
  address: string,
  credentials: Credentials,
  dialled: 'coordinator' | 'parameters' = 'coordinator',
): Promise<unknown> {
  const client = new wire.Coordinator(...channelTo(address, dialled, credentials));
  // gRPC's own timers do not keep a process alive.
  const alive = setTimeout(() => undefined, 10_000);
  try {
    return await callUnary(
      client.heartbeat.bind(client),
      {},
      { what: 'heartbeat', deadlineMs: 3_000, signal: new AbortController().signal },
    );
  } finally {
    clearTimeout(alive);
    client.close();
  }
}
