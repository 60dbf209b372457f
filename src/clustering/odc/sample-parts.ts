/**
 * The parts of a sample memory as one: each call goes to the parts that hold its samples, and the answers are put together so
 * that nobody can tell how the samples were divided. Source: spec of ODC, section 11.
 */
import { protocolViolation } from '../../errors.ts';
import { copyRow, gather, gatherRows, scatterRows } from '../../math/matrix.ts';
import type {
  ApplyOutcome,
  MemoryChange,
  SampleMemory,
  SampleRows,
  SliceRows,
} from './sample-memory.ts';

export class SampleParts implements SampleRows {
  readonly #parts: readonly SampleMemory[];
  readonly #dim: number;

  /** @param parts together hold every sample, each once */
  constructor(parts: readonly SampleMemory[], dim: number) {
    this.#parts = parts;
    this.#dim = dim;
  }

  get parts(): readonly SampleMemory[] {
    return this.#parts;
  }

  rowsOf(ids: Int32Array): Float32Array {
    const dim = this.#dim;
    const rows = new Float32Array(ids.length * dim);
    for (const { part, at } of this.#shares(ids)) {
      scatterRows(part.rowsOf(gather(ids, at)), at, dim, rows);
    }
    return rows;
  }

  pseudoLabelsOf(ids: Int32Array): Int32Array {
    const labels = new Int32Array(ids.length);
    for (const { part, at } of this.#shares(ids)) {
      const found = part.pseudoLabelsOf(gather(ids, at));
      at.forEach((place, i) => {
        labels[place] = found[i]!;
      });
    }
    return labels;
  }

  /**
   * Every part takes every step, even one that has none of its samples: so they stay at the same step. Parts that took it before,
   * when others were cut off from it, give their answer again.
   */
  apply(step: number, slices: readonly SliceRows[]): ApplyOutcome {
    const outcomes = this.#parts.map((part) =>
      part.apply(
        step,
        slices.map((slice) => shareOf(slice, part, this.#dim)),
      ),
    );
    const changes = outcomes.map(({ change }) => change);
    const known = changes.filter((change) => change !== null);
    const change = known.length === changes.length ? mergeChanges(known, this.#dim) : null;
    if (outcomes.every(({ kind }) => kind === 'duplicate')) return { kind: 'duplicate', change };
    if (change !== null) return { kind: 'applied', change };
    const remedy = 'restore all parts from the checkpoint that the run resumes from';
    throw protocolViolation('parts of the sample memory', `all at step ${step}`, 'others', remedy);
  }

  relabel(step: number, ids: Int32Array, pseudoLabels: Int32Array): 'applied' | 'duplicate' {
    let outcome: 'applied' | 'duplicate' = 'duplicate';
    for (const { part, at } of this.#shares(ids)) {
      if (part.relabel(step, gather(ids, at), gather(pseudoLabels, at)) === 'applied') {
        outcome = 'applied';
      }
    }
    return outcome;
  }

  /** For each part that holds any of the samples, their places in `ids`. */
  #shares(ids: Int32Array): readonly { part: SampleMemory; at: Int32Array }[] {
    const places = this.#parts.map((): number[] => []);
    ids.forEach((id, place) => {
      const holder = this.#parts.findIndex((part) => part.has(id));
      if (holder < 0) {
        throw protocolViolation(
          'sample',
          'one that a part holds',
          id,
          'parts must cover all samples',
        );
      }
      places[holder]!.push(place);
    });
    return this.#parts
      .map((part, i) => ({ part, at: Int32Array.from(places[i]!) }))
      .filter(({ at }) => at.length > 0);
  }
}

/**
 * The parts' changes of one step, by ascending id.
 * @param changes of parts that have no sample in common
 */
export function mergeChanges(changes: readonly MemoryChange[], dim: number): MemoryChange {
  const only = changes[0];
  if (changes.length === 1 && only !== undefined) return only;
  const order = changes
    .flatMap((change) => Array.from(change.ids, (id, at) => ({ id, at, change })))
    .sort((a, b) => a.id - b.id);
  const merged = {
    ids: Int32Array.from(order, ({ id }) => id),
    oldRows: new Float32Array(order.length * dim),
    oldLabels: Int32Array.from(order, ({ change, at }) => change.oldLabels[at]!),
    newRows: new Float32Array(order.length * dim),
    newLabels: Int32Array.from(order, ({ change, at }) => change.newLabels[at]!),
    copies: changes.reduce((total, { copies }) => total + copies, 0),
    relabelled: changes.reduce((total, { relabelled }) => total + relabelled, 0),
  };
  order.forEach(({ change, at }, i) => {
    copyRow(change.oldRows, at, merged.oldRows, i, dim);
    copyRow(change.newRows, at, merged.newRows, i, dim);
  });
  return merged;
}

/** What of a slice concerns a part. */
function shareOf(slice: SliceRows, part: SampleMemory, dim: number): SliceRows {
  const at: number[] = [];
  slice.ids.forEach((id, i) => {
    if (part.has(id)) at.push(i);
  });
  if (at.length === slice.ids.length) return slice;
  const places = Int32Array.from(at);
  return {
    slice: slice.slice,
    ids: gather(slice.ids, places),
    rows: gatherRows(slice.rows, places, dim),
    pseudoLabels: gather(slice.pseudoLabels, places),
  };
}
