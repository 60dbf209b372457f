/**
 * ODC's sample memory over all parameter servers as one: arrays in and out, each server is sent its
 * samples. Shapes: n samples, d columns, K clusters.
 */
import { arrayOf } from '../arrays/bundle.ts';
import { decodeSafetensors, encodeSafetensors, type NamedArrays } from '../arrays/safetensors.ts';
import {
  changeFromBundle,
  relabellingToBundle,
  rowsFromBundle,
  rowsToBundle,
  type IdentifiedRows,
} from '../clustering/odc/bundles.ts';
import type { MemoryChange, MemoryShape } from '../clustering/odc/sample-memory.ts';
import { mergeChanges } from '../clustering/odc/sample-parts.ts';
import { gather, scatterRows } from '../math/matrix.ts';
import { withAnySignal } from '../rpc/any-signal.ts';
import type { SampleMemoryClient } from '../rpc/sample-memory-client.ts';
import { memoryShapes, placesOnShard, rowsAt } from './sample-shards.ts';

/** What is asked of one server. */
export type MemoryServer = Pick<
  SampleMemoryClient,
  'begin' | 'fill' | 'seal' | 'relabel' | 'rows' | 'change' | 'clusterSums' | 'close'
>;

/**
 * What follows a commit is not cut short by a stop, as the commit is not: a step counts whole or
 * not at all.
 */
const STEP_MS = 600_000;
/** Rows asked for in one call: their ids stay far below gRPC's 4 MiB. */
const ROWS_PER_CALL = 65_536;

export class MemoryServers {
  readonly #servers: readonly MemoryServer[];
  /** d */
  readonly #dim: number;
  readonly #lost: AbortSignal;

  /** @param lost ends every call: a server is gone, and its term is over */
  constructor(
    servers: readonly MemoryServer[],
    dim: number,
    lost: AbortSignal = new AbortController().signal,
  ) {
    this.#servers = servers;
    this.#dim = dim;
    this.#lost = lost;
  }

  /** @param whole of all samples */
  async begin(whole: MemoryShape, signal: AbortSignal): Promise<void> {
    const shapes = memoryShapes(whole, this.#servers.length);
    await this.#all(signal, (server, shardIndex, either) =>
      server.begin(shapes[shardIndex]!, either),
    );
  }

  /** Rows of a data shard, under the generation of the lease on it. */
  async fill(
    shard: number,
    generation: number,
    filled: IdentifiedRows,
    signal: AbortSignal,
  ): Promise<'filled' | 'fenced'> {
    const outcomes = await this.#each(filled.ids, signal, (server, places, either) => {
      const its = rowsToBundle(rowsAt(filled, places));
      return server.fill(shard, generation, encodeSafetensors(its), either);
    });
    return outcomes.some(({ reply }) => reply.outcome === 'FENCED') ? 'fenced' : 'filled';
  }

  /** @param step the one that comes next @param pseudoLabels of all samples */
  async seal(step: number, pseudoLabels: Int32Array, signal: AbortSignal): Promise<void> {
    const shardCount = this.#servers.length;
    await this.#all(signal, (server, shardIndex, either) => {
      const its = pseudoLabels.filter((_label, id) => id % shardCount === shardIndex);
      const bundle = { pseudoLabels: { data: its, shape: [its.length] } };
      return server.seal(step, encodeSafetensors(bundle), either);
    });
  }

  /** [K, d] recomputed there; sums of exactly rounded rows are exact, in whatever order. */
  async clusterSums(signal: AbortSignal): Promise<Float64Array> {
    const [first, ...others] = await this.#all(signal, async (server, _shardIndex, either) => {
      const bundle = decode('cluster sums', await server.clusterSums(either));
      return arrayOf(bundle, 'sums', Float64Array);
    });
    for (const sums of others) sums.forEach((value, i) => (first![i] = first![i]! + value));
    return first!;
  }

  /** What a committed step changed. */
  async change(step: number): Promise<MemoryChange> {
    const signal = AbortSignal.timeout(STEP_MS);
    const changes = await this.#all(signal, async (server, _shardIndex, either) =>
      changeFromBundle(decode('memory change', await server.change(step, either))),
    );
    return mergeChanges(changes, this.#dim);
  }

  /** [n, d] before a step. @throws TrainerError GENERATION_FENCED when another step is next */
  async rows(
    step: number,
    ids: Int32Array,
    signal: AbortSignal = AbortSignal.timeout(STEP_MS),
  ): Promise<Float32Array> {
    const dim = this.#dim;
    const whole = new Float32Array(ids.length * dim);
    for (let begin = 0; begin < ids.length; begin += ROWS_PER_CALL) {
      const asked = ids.subarray(begin, begin + ROWS_PER_CALL);
      const answers = await this.#each(asked, signal, async (server, places, either) => {
        const bytes = await server.rows(step, gather(asked, places), either);
        return rowsFromBundle(decode('memory rows', bytes)).rows;
      });
      for (const { places, reply } of answers) {
        scatterRows(reply, places, dim, whole.subarray(begin * dim));
      }
    }
    return whole;
  }

  async relabel(step: number, ids: Int32Array, pseudoLabels: Int32Array): Promise<void> {
    await this.#each(ids, AbortSignal.timeout(STEP_MS), (server, places, either) => {
      const its = { ids: gather(ids, places), pseudoLabels: gather(pseudoLabels, places) };
      return server.relabel(step, encodeSafetensors(relabellingToBundle(its)), either);
    });
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  #all<Reply>(
    signal: AbortSignal,
    ask: (server: MemoryServer, shardIndex: number, either: AbortSignal) => Promise<Reply>,
  ): Promise<Reply[]> {
    return withAnySignal([signal, this.#lost], (either) =>
      Promise.all(this.#servers.map((server, shardIndex) => ask(server, shardIndex, either))),
    );
  }

  /**
   * Asks those servers that hold any of the samples; tells them which places in `ids` are theirs.
   */
  async #each<Reply>(
    ids: Int32Array,
    signal: AbortSignal,
    ask: (server: MemoryServer, places: Int32Array, either: AbortSignal) => Promise<Reply>,
  ): Promise<{ places: Int32Array; reply: Reply }[]> {
    const shardCount = this.#servers.length;
    const asked = await this.#all(signal, async (server, shardIndex, either) => {
      const places = placesOnShard(ids, shardIndex, shardCount);
      return places.length === 0 ? [] : [{ places, reply: await ask(server, places, either) }];
    });
    return asked.flat();
  }
}

function decode(what: string, bytes: Uint8Array): NamedArrays {
  return decodeSafetensors(bytes, { what, code: 'PROTOCOL_VIOLATION' }).arrays;
}
