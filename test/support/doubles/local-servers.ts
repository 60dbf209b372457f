/** Parameter servers without a network: hosts, and links to them that behave as the gRPC clients do. */
import { ParameterHost } from '../../../server/parameter-host.ts';
import { decodeSafetensors } from '../../../src/arrays/safetensors.ts';
import { sliceFromBundle } from '../../../src/clustering/odc/bundles.ts';
import { trainingConfigSchema } from '../../../src/ps/config.ts';
import { parseLayout } from '../../../src/ps/layout.ts';
import type { ParameterShardPlan } from '../../../src/ps/parameter-plan.ts';
import {
  ParameterServers,
  type ParameterServer,
} from '../../../src/server-clients/parameter-servers.ts';

const OUTCOMES = {
  staged: 'STAGED',
  duplicate: 'DUPLICATE',
  fenced: 'FENCED',
  stale: 'STALE',
} as const;

/** A link to a host under one term. */
export function localServer(
  host: ParameterHost,
  { hash: planHash }: ParameterShardPlan,
  term: number,
): ParameterServer {
  const held = (): ReturnType<ParameterHost['require']> => host.require({ planHash, term });
  const settled = <Value>(make: () => Value): Promise<Value> => Promise.resolve().then(make);
  return {
    pull: () =>
      settled(() => {
        const { version, headEpoch, parameters, statistics } = held().store.pull();
        const vectors = new Map([
          ['parameters', parameters.slice()],
          ['statistics', statistics.slice()],
        ]);
        return { version, headEpoch, vectors };
      }),
    push: ({ memory, ...push }) =>
      settled(() => {
        const context = { what: 'rows', code: 'PROTOCOL_VIOLATION' } as const;
        const rows =
          memory === undefined
            ? null
            : sliceFromBundle(decodeSafetensors(memory, context).arrays, push.slice);
        // As over the wire: the store keeps what it is given.
        const own = { gradient: push.gradient.slice(), statistics: push.statistics.slice() };
        const outcome = held().stage({ ...push, ...own }, rows);
        return { outcome: OUTCOMES[outcome.kind], version: held().store.version };
      }),
    prepare: (step, slices, factor) => settled(() => held().store.prepare(step, slices, factor)),
    commit: (step, slices, factor) =>
      settled(() => {
        const outcome = held().commit(step, slices, factor);
        return outcome.kind === 'missing'
          ? { outcome: 'MISSING', version: 0, missing: [...outcome.slices] }
          : {
              outcome: outcome.kind === 'applied' ? 'APPLIED' : 'DUPLICATE',
              version: outcome.version,
              missing: [],
            };
      }),
    resetHead: (epoch) => settled(() => held().store.resetHead(epoch).version),
    snapshot: () =>
      settled(() => {
        const { version, headEpoch, parameters, statistics, momentum } = held().store.snapshot();
        const vectors = new Map([
          ['parameters', parameters.slice()],
          ['statistics', statistics.slice()],
          ['momentum', momentum.slice()],
        ]);
        const { memory } = held();
        if (memory?.isSealed === true) vectors.set('memory-rows', memory.rows.slice());
        return { version, headEpoch, vectors };
      }),
    restore: ({ layoutJson, trainingJson, memory, ...content }) =>
      settled(() =>
        host.restore({
          ...content,
          term,
          layout: parseLayout(layoutJson),
          training: trainingConfigSchema.parse(JSON.parse(trainingJson)),
          memory: memory ?? null,
        }),
      ),
    close: () => undefined,
  };
}

/** All servers of a run, one host for each parameter shard. */
export function localServers(
  shards: readonly ParameterShardPlan[],
  term: number,
  hosts: readonly ParameterHost[] = shards.map(() => new ParameterHost()),
): { readonly servers: ParameterServers; readonly hosts: readonly ParameterHost[] } {
  const links = shards.map((shard, i) => localServer(hosts[i]!, shard, term));
  return { servers: new ParameterServers(shards, links), hosts };
}
