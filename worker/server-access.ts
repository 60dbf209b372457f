/**
 * The parameter servers as a worker reaches them now: after each welcome at the addresses, and in
 * the term, that it names.
 */
import type { IdentifiedRows } from '../src/clustering/odc/bundles.ts';
import { GradientSlots } from '../src/parameter-plane/gradient-slots.ts';
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
  readonly #sharesMemory: boolean;
  /** Whichever term the servers are of. */
  readonly #slots = new GradientSlots();
  #term = 0;
  /** Null before the first welcome. */
  #servers: Servers | null = null;
  /** Addresses and term of #servers. */
  #key = '';

  /** @param sharesMemory whether numbers go through memory that servers on this machine share */
  constructor(
    network: NetworkOnServers,
    credentials: Credentials | null = null,
    sharesMemory = false,
  ) {
    this.#network = network;
    this.#credentials = credentials;
    this.#sharesMemory = sharesMemory;
  }

  /** Calls under way to the servers of an earlier term end. */
  connect(addresses: readonly string[], term: number): void {
    const key = `${term} ${addresses.join(' ')}`;
    if (key === this.#key) return;
    this.#servers?.close();
    this.#servers = connectServers({
      ...{ addresses, term, ...this.#network },
      credentials: this.#credentials,
      sharesMemory: this.#sharesMemory,
    });
    this.#key = key;
    this.#term = term;
  }

  pull(version: number, signal: AbortSignal): Promise<NamedVectors> {
    return this.#now().parameters.pull(version, signal);
  }

  push(push: SentPush<MovedRows>, signal: AbortSignal): Promise<PushReply> {
    const { parameters } = this.#now();
    if (!parameters.takesSegments) return parameters.push(push, signal);
    const moment = { term: this.#term, version: push.basedOn };
    const segment = this.#slots.fill(push.gradient, moment);
    return parameters.push(
      segment === null ? push : { ...push, segment: { ...segment, offset: 0 } },
      signal,
    );
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
