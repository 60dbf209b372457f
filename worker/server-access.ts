/**
 * The parameter servers as a worker reaches them now: after each welcome at the addresses, and in
 * the term, that it names.
 */
import type { IdentifiedRows } from '../src/clustering/odc/bundles.ts';
import type { NamedVectors } from '../src/rpc/named-vectors.ts';
import type { SentPush } from '../src/rpc/parameters-client.ts';
import type { Credentials } from '../src/security/credentials.ts';
import {
  connectServers,
  type Servers,
  type ServersToReach,
} from '../src/server-clients/connect.ts';
import type { MemoryServers } from '../src/server-clients/memory-servers.ts';
import type { ParameterServers, PushReply } from '../src/server-clients/parameter-servers.ts';
import type { MovedRows } from '../src/server-clients/sample-shards.ts';

/** Layout and cuts of the parameters, and columns of the sample memory. */
export type NetworkOnServers = Pick<ServersToReach, 'layout' | 'cuts' | 'dim'>;

export class ServerAccess
  implements Pick<ParameterServers, 'pull' | 'push'>, Pick<MemoryServers, 'fill' | 'rows'>
{
  readonly #network: NetworkOnServers;
  readonly #credentials: Credentials | null;
  /** Null before the first welcome. */
  #servers: Servers | null = null;
  /** Addresses and term of #servers. */
  #key = '';

  constructor(network: NetworkOnServers, credentials: Credentials | null = null) {
    this.#network = network;
    this.#credentials = credentials;
  }

  /** Calls under way to the servers of an earlier term end. */
  connect(addresses: readonly string[], term: number): void {
    const key = `${term} ${addresses.join(' ')}`;
    if (key === this.#key) return;
    this.#servers?.close();
    this.#servers = connectServers({
      ...{ addresses, term, ...this.#network },
      credentials: this.#credentials,
    });
    this.#key = key;
  }

  pull(version: number, signal: AbortSignal): Promise<NamedVectors> {
    return this.#now().parameters.pull(version, signal);
  }

  push(push: SentPush<MovedRows>, signal: AbortSignal): Promise<PushReply> {
    return this.#now().parameters.push(push, signal);
  }

  fill(
    shard: number,
    generation: number,
    rows: IdentifiedRows,
    signal: AbortSignal,
  ): Promise<'filled' | 'fenced'> {
    return this.#now().memory.fill(shard, generation, rows, signal);
  }

  rows(step: number, ids: Int32Array, signal: AbortSignal): Promise<Float32Array> {
    return this.#now().memory.rows(step, ids, signal);
  }

  close(): void {
    this.#servers?.close();
  }

  #now(): Servers {
    if (this.#servers === null) throw new Error('no coordinator has welcomed this worker yet');
    return this.#servers;
  }
}
