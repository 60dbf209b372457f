/** The sample memory as the coordinator sees it: arrays in and out of the parameter server. Shapes: n samples, d columns. */
import { arrayOf } from '../src/checkpoint/bundle.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedArrays,
} from '../src/checkpoint/safetensors.ts';
import {
  changeFromBundle,
  relabellingToBundle,
  rowsFromBundle,
} from '../src/clustering/odc-bundles.ts';
import type { MemoryChange } from '../src/clustering/odc-sample-memory.ts';
import type { MemoryShape } from '../src/rpc/generated/deepcluster/v1/MemoryShape.ts';
import type { SampleMemoryClient } from '../src/rpc/sample-memory-client.ts';

/** What follows a commit is not cut short by a stop, as the commit is not: a step counts whole or not at all. */
const STEP_MS = 600_000;
/** Rows asked for in one call: their ids stay far below gRPC's 4 MiB. */
const ROWS_PER_CALL = 65_536;

export class RemoteMemory {
  readonly #client: SampleMemoryClient;

  constructor(client: SampleMemoryClient) {
    this.#client = client;
  }

  begin(shape: Required<MemoryShape>, signal: AbortSignal): Promise<void> {
    return this.#client.begin(shape, signal);
  }

  /** @param step the one that comes next @param pseudoLabels of all samples */
  seal(step: number, pseudoLabels: Int32Array, signal: AbortSignal): Promise<void> {
    const bundle = { pseudoLabels: { data: pseudoLabels, shape: [pseudoLabels.length] } };
    return this.#client.seal(step, encodeSafetensors(bundle), signal);
  }

  /** [K, d] recomputed there. */
  async classSums(signal: AbortSignal): Promise<Float64Array> {
    const bundle = decode('class sums', await this.#client.classSums(signal));
    return arrayOf(bundle, 'sums', Float64Array);
  }

  async change(step: number): Promise<MemoryChange> {
    const bytes = await this.#client.change(step, AbortSignal.timeout(STEP_MS));
    return changeFromBundle(decode('memory change', bytes));
  }

  /** [n, d] before a step. */
  async rows(step: number, ids: Int32Array): Promise<Float32Array> {
    const signal = AbortSignal.timeout(STEP_MS);
    const parts: Float32Array[] = [];
    for (let begin = 0; begin < ids.length; begin += ROWS_PER_CALL) {
      const asked = ids.subarray(begin, begin + ROWS_PER_CALL);
      const bytes = await this.#client.rows(step, asked, signal);
      parts.push(rowsFromBundle(decode('memory rows', bytes)).rows);
    }
    return concatenated(parts);
  }

  relabel(step: number, ids: Int32Array, pseudoLabels: Int32Array): Promise<void> {
    const bundle = encodeSafetensors(relabellingToBundle({ ids, pseudoLabels }));
    return this.#client.relabel(step, bundle, AbortSignal.timeout(STEP_MS));
  }
}

function decode(what: string, bytes: Uint8Array): NamedArrays {
  return decodeSafetensors(bytes, { what, code: 'PROTOCOL_VIOLATION' }).arrays;
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
