/** Asks a coordinator where its run is. */
import type { Credentials } from '../security/credentials.ts';
import { callUnary } from './calls.ts';
import { channelTo } from './channel/channel.ts';
import { wire } from './definitions.ts';
import type { StatusReply__Output } from './generated/deepcluster/v1/StatusReply.ts';
import type { StatusRequest } from './generated/deepcluster/v1/StatusRequest.ts';

const DEADLINE_MS = 5_000;

/**
 * @param credentials of a viewer
 * @throws TrainerError UNAVAILABLE when nobody answers at the address, or not to such credentials
 */
export async function fetchStatus(
  address: string,
  signal: AbortSignal,
  credentials: Credentials | null = null,
): Promise<StatusReply__Output> {
  const client = new wire.Coordinator(...channelTo(address, 'coordinator', credentials));
  try {
    return await callUnary<StatusRequest, StatusReply__Output>(
      client.status.bind(client),
      {},
      { what: 'status', deadlineMs: DEADLINE_MS, signal },
    );
  } finally {
    client.close();
  }
}
