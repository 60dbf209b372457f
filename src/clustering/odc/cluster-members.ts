/**
 * Which samples each cluster has, kept up to date move by move: sizes at once, members in the time it takes to list them. The
 * reference counts all N pseudo-labels at every step instead. Source: spec of ODC, sections 7 and 11.
 * Shapes: N samples, K clusters.
 */
import { protocolViolation } from '../../errors.ts';

/** No sample: the end of a list. */
const NONE = -1;

export class ClusterMembers {
  /** [K] members; they sum to the number of samples that have a cluster. */
  readonly #sizes: Int32Array;
  /** [N] cluster of each sample, -1 where it has none. */
  readonly #clusterOf: Int32Array;
  /** [K] a member of each cluster, or NONE; the others follow through #next. The order of a list means nothing. */
  readonly #head: Int32Array;
  /** [N] neighbours in the list of the sample's cluster, or NONE. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  /**
   * @param pseudoLabels [N] below `clusters`; -1 for a sample without a feature, which belongs to no cluster
   * @throws TrainerError PROTOCOL_VIOLATION for a cluster that there is not
   */
  constructor(pseudoLabels: Int32Array, clusters: number) {
    this.#sizes = new Int32Array(clusters);
    this.#clusterOf = new Int32Array(pseudoLabels.length).fill(NONE);
    this.#head = new Int32Array(clusters).fill(NONE);
    this.#next = new Int32Array(pseudoLabels.length).fill(NONE);
    this.#previous = new Int32Array(pseudoLabels.length).fill(NONE);
    pseudoLabels.forEach((label, id) => {
      if (label !== NONE) this.#insert(id, label);
    });
  }

  /** [K] to read, not to write; it changes with every move. */
  get sizes(): Int32Array {
    return this.#sizes;
  }

  /** [N] to read, not to write. */
  get pseudoLabels(): Int32Array {
    return this.#clusterOf;
  }

  /** Ids of a cluster's members, ascending. */
  membersOf(label: number): Int32Array {
    const members = new Int32Array(this.#sizes[label]!);
    let id = this.#head[label]!;
    for (let i = 0; i < members.length; i += 1) {
      members[i] = id;
      id = this.#next[id]!;
    }
    return members.sort();
  }

  /** @throws TrainerError PROTOCOL_VIOLATION for a sample or cluster that there is not */
  move(id: number, to: number): void {
    const from = this.#clusterOf[id];
    if (from === undefined) throw outside('sample', this.#clusterOf.length, id);
    if (to === from) return;
    if (this.#sizes[to] === undefined) throw outside('cluster', this.#sizes.length, to);
    if (from !== NONE) this.#remove(id, from);
    this.#insert(id, to);
  }

  #insert(id: number, label: number): void {
    const first = this.#head[label];
    if (first === undefined) throw outside('cluster', this.#sizes.length, label);
    this.#next[id] = first;
    this.#previous[id] = NONE;
    if (first !== NONE) this.#previous[first] = id;
    this.#head[label] = id;
    this.#clusterOf[id] = label;
    this.#sizes[label]! += 1;
  }

  #remove(id: number, label: number): void {
    const next = this.#next[id]!;
    const previous = this.#previous[id]!;
    if (previous === NONE) this.#head[label] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#sizes[label]! -= 1;
  }
}

function outside(what: string, count: number, got: number) {
  const remedy = 'the run must have one number of samples and one of clusters';
  return protocolViolation(what, `0 .. ${count - 1}`, got, remedy);
}
