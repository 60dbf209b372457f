/** Clients of all parameter servers of a run, under one term. */
import type { CodecName } from '../ps/codec/codec-name.ts';
import { exchangeCodings } from '../ps/codec/vector-coding.ts';
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
  /** Of what a worker pushes and pulls; left out: float32. All else is float32. */
  readonly codec?: CodecName;
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
    codec = 'float32',
  } = reach;
  const shards = planParameterShards(layout, addresses.length, cuts);
  const links = shards.map(({ hash: planHash, shardIndex, layout: own }): ServerLink => {
    const address = addresses[shardIndex]!;
    const codings = exchangeCodings(own, codec);
    return { address, planHash, term, credentials, sharesMemory, codings };
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
