/** Clients of all parameter servers of a run, under one term. */
import type { ParameterLayout } from '../ps/layout.ts';
import { planParameterShards, type ParameterCuts } from '../ps/parameter-plan.ts';
import { ParametersClient, type ServerLink } from '../rpc/parameters-client.ts';
import { SampleMemoryClient } from '../rpc/sample-memory-client.ts';
import type { Credentials } from '../security/credentials.ts';
import { MemoryServers } from './memory-servers.ts';
import { ParameterServers } from './parameter-servers.ts';

export interface Servers {
  readonly parameters: ParameterServers;
  readonly memory: MemoryServers;
  close(): void;
}

export interface ServersToReach {
  /** `host:port` of each parameter shard's server, in their order. */
  readonly addresses: readonly string[];
  readonly term: number;
  readonly layout: ParameterLayout;
  readonly cuts: ParameterCuts;
  /** Columns of the sample memory. */
  readonly dim: number;
  /** Null, as when left out: connections are plain. */
  readonly credentials?: Credentials | null;
  /** Ends every call once the term is over. */
  readonly lost?: AbortSignal;
  /** Whether numbers go through memory that servers on this machine share; left out: not. */
  readonly sharesMemory?: boolean;
}

export function connectServers(reach: ServersToReach): Servers {
  const {
    addresses,
    term,
    layout,
    cuts,
    dim,
    lost,
    credentials = null,
    sharesMemory = false,
  } = reach;
  const shards = planParameterShards(layout, addresses.length, cuts);
  const links = shards.map(({ hash: planHash, shardIndex }): ServerLink => {
    const address = addresses[shardIndex]!;
    return { address, planHash, term, credentials, sharesMemory };
  });
  const parameters = new ParameterServers(
    shards,
    links.map((link) => new ParametersClient(link)),
    lost,
  );
  const memory = new MemoryServers(
    links.map((link) => new SampleMemoryClient(link)),
    dim,
    lost,
  );
  return {
    parameters,
    memory,
    close: () => {
      parameters.close();
      memory.close();
    },
  };
}
