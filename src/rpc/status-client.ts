/** Asks a coordinator where its run is. */
import { callUnary } from './calls.ts';
import { CHANNEL_OPTIONS, clientCredentials } from './channel.ts';
import { wire } from './definitions.ts';
import type { StatusReply__Output } from './generated/deepcluster/v1/StatusReply.ts';
import type { StatusRequest } from './generated/deepcluster/v1/StatusRequest.ts';

const DEADLINE_MS = 5_000;

/** @throws TrainerError UNAVAILABLE when nobody answers at the address */
export async function fetchStatus(
  address: string,
  signal: AbortSignal,
): Promise<StatusReply__Output> {
  const client = new wire.Coordinator(address, clientCredentials(), CHANNEL_OPTIONS);
  try {
    return await callUnary<StatusRequest, StatusReply__Output>(
      client.status.bind(client),
      {},
      { what: `coordinator ${address}`, deadlineMs: DEADLINE_MS, signal },
    );
  } finally {
    client.close();
  }
}
