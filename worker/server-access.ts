/**
 * The parameter servers as a worker reaches them now: after each welcome at the addresses, and in
 * the term, that it names.
 */
import type { IdentifiedRows } from '../src/clustering/odc/bundles.ts';
import { GradientMemory } from '../src/parameter-plane/gradient-memory.ts';
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

/** Layout, cuts and codec of the parameters, and columns of the sample memory. */
export type NetworkOnServers = Pick<ServersToReach, 'layout' | 'cuts' | 'dim' | 'codec'>;

export type GradientWay = 'shared memory' | 'gRPC';

export interface ServerAccessOptions {
  /** Null or left out: connections are plain. */
  readonly credentials?: Credentials | null;
  /** Where gradients lie that are pushed; left out: each in memory of its own. */
  readonly gradients?: GradientMemory;
  /** Whether numbers go through memory that servers on this machine share; left out: not. */
  readonly sharesMemory?: boolean;
  /** Is told how gradients go, at first and when that changes. */
  readonly tellWay?: (way: GradientWay) => void;
}

export class ServerAccess
  implements Pick<ParameterServers, 'pull' | 'push'>, Pick<MemoryServers, 'fill' | 'rows'>
{
  readonly #network: NetworkOnServers;
  readonly #credentials: Credentials | null;
  readonly #sharesMemory: boolean;
  readonly #tellWay: (way: GradientWay) => void;
  /** Of the last push; null before the first. */
  #way: GradientWay | null = null;
  /** Whichever term the servers are of. */
  readonly #gradients: GradientMemory;
  #term = 0;
  /** Null before the first welcome. */
  #servers: Servers | null = null;
  /** Addresses and term of #servers. */
  #key = '';

  constructor(
    network: NetworkOnServers,
    {
      credentials = null,
      gradients = new GradientMemory(),
      sharesMemory = false,
      tellWay = () => undefined,
    }: ServerAccessOptions = {},
  ) {
    this.#network = network;
    this.#credentials = credentials;
    this.#gradients = gradients;
    this.#sharesMemory = sharesMemory;
    this.#tellWay = tellWay;
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

  /** A unit of slices begins that is computed on these parameters. */
  beginUnit(version: number): void {
    const moment = { term: this.#term, version };
    this.#gradients.begin(moment, this.#servers?.parameters.takesSegments === true);
  }

  async push(push: SentPush<MovedRows>, signal: AbortSignal): Promise<PushReply> {
    const { parameters } = this.#now();
    const moment = { term: this.#term, version: push.basedOn };
    const slot = parameters.takesSegments
      ? this.#gradients.lend(push.gradient, moment, push.step)
      : null;
    const sent = slot === null ? push : { ...push, segment: { ...slot, offset: 0 } };
    const reply = await parameters.push(sent, signal);
    // A server that could not open the segment was sent the numbers.
    this.#noteWay(slot !== null && parameters.takesSegments ? 'shared memory' : 'gRPC');
    return reply;
  }

  #noteWay(way: GradientWay): void {
    if (way === this.#way) return;
    this.#way = way;
    this.#tellWay(way);
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
