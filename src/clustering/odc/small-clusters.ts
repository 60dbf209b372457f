/**
 * Small clusters: all that are below a size are merged into the others, then the largest is split in two for each. It keeps
 * ODC from collapsing without a global re-clustering.
 * Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), section 3.3; spec of ODC, section 7.
 *
 * The plan is made on a view of the clusters and changes nothing; the caller makes it true. Where rows are needed, the plan
 * asks for them by yielding sample ids: a local memory answers at once, a distributed one when they have come. Ids are asked
 * for and treated in ascending order, so the plan does not depend on where rows lie.
 *
 * What the reference leaves open: 2-means is free of chance (split.ts). Where every cluster is small, the largest counts as
 * large. Beyond `maxSplits` small clusters the emptiest are treated (ties: the lower number), and the others wait for the next
 * call as they are, neither merged nor merged into. Where no cluster has two members left, the rest stays empty.
 * Shapes: K clusters, d columns.
 */
import { gatherRows } from '../../math/matrix.ts';
import type { CentroidRows, RowMetric } from '../nearest-two.ts';
import { assignRows } from './assignment.ts';
import { splitInTwo } from './split.ts';

export interface SmallClusterRule {
  /** A cluster with fewer members is small; 1 treats only empty ones, 0 none. */
  readonly minSize: number;
  /** Small clusters treated in one call at most. */
  readonly maxSplits: number;
  readonly metric: RowMetric;
}

/** The clusters as they are. */
export interface ClusterView {
  /** [K] */
  readonly sizes: Int32Array;
  /** [N] */
  readonly pseudoLabels: Int32Array;
  /** Ascending. */
  membersOf(label: number): Int32Array;
}

export interface SmallClusterPlan {
  /** [n] samples whose cluster changes, ascending. */
  readonly ids: Int32Array;
  /** [n] their clusters before and after the whole call. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** [n, d] their rows. */
  readonly rows: Float32Array;
  /** Clusters whose centroids must be published at once: both parts of every split. Ascending. */
  readonly republished: readonly number[];
  readonly counts: SmallClusterCounts;
}

export interface SmallClusterCounts {
  /** Small clusters that had members. */
  readonly merges: number;
  readonly splits: number;
  /** Splits that 2-means could not make, so that the cluster was halved. */
  readonly halvings: number;
  /** Moves of rows from cluster to cluster; a row may be merged and split again. */
  readonly moves: number;
  /** Small clusters left for the next call because of `maxSplits`: to be logged. */
  readonly postponed: number;
  /** Clusters that stay empty because no cluster has two members. */
  readonly unfilled: number;
}

/** Yields ids, ascending, and takes their rows [n, d]. */
export type RowRequests<Result> = Generator<Int32Array, Result, Float32Array>;

export const NO_SMALL_CLUSTERS: SmallClusterCounts = {
  merges: 0,
  splits: 0,
  halvings: 0,
  moves: 0,
  postponed: 0,
  unfilled: 0,
};

/**
 * @param centroids as published, stale or not; empty and small clusters are no targets, whatever theirs are
 * @returns null where no cluster is small
 */
export function* planSmallClusters(
  clusters: ClusterView,
  centroids: CentroidRows,
  rule: SmallClusterRule,
): RowRequests<SmallClusterPlan | null> {
  const { small, isLarge, postponed } = divideClusters(clusters.sizes, rule);
  if (small.length === 0) return null;
  const draft = new PlanDraft(clusters, centroids.dim);
  yield* mergeSmall(draft, small, isLarge, centroids, rule.metric);
  for (const empty of small) {
    const largest = draft.largestCluster();
    if (draft.sizeOf(largest) < 2) {
      draft.counts.unfilled += 1;
      continue;
    }
    yield* splitLargest(draft, largest, empty);
  }
  return draft.finish(postponed);
}

/** Makes a plan with rows that are at hand. */
export function answerLocally<Result>(
  requests: RowRequests<Result>,
  rowsOf: (ids: Int32Array) => Float32Array,
): Result {
  let request = requests.next();
  while (request.done !== true) request = requests.next(rowsOf(request.value));
  return request.value;
}

/** Makes a plan with rows that have to be fetched, from parameter servers in other processes. */
export async function answerRemotely<Result>(
  requests: RowRequests<Result>,
  fetchRows: (ids: Int32Array) => Promise<Float32Array>,
): Promise<Result> {
  let request = requests.next();
  while (request.done !== true) request = requests.next(await fetchRows(request.value));
  return request.value;
}

/** Small clusters to treat, ascending, and which clusters are targets of the merge [K]. */
function divideClusters(
  sizes: Int32Array,
  { minSize, maxSplits }: SmallClusterRule,
): { small: readonly number[]; isLarge: Uint8Array; postponed: number } {
  const isLarge = new Uint8Array(sizes.length);
  let small: number[] = [];
  sizes.forEach((size, c) => {
    if (size < minSize) small.push(c);
    else isLarge[c] = 1;
  });
  if (small.length === sizes.length) {
    const largest = indexOfLargest(sizes);
    isLarge[largest] = 1;
    small = small.filter((c) => c !== largest);
  }
  const treated = small.toSorted((a, b) => sizes[a]! - sizes[b]! || a - b).slice(0, maxSplits);
  const postponed = small.length - treated.length;
  return { small: treated.sort((a, b) => a - b), isLarge, postponed };
}

/** All rows of the small clusters at once: no move changes where another row belongs. */
function* mergeSmall(
  draft: PlanDraft,
  small: readonly number[],
  isLarge: Uint8Array,
  centroids: CentroidRows,
  metric: RowMetric,
): RowRequests<void> {
  const filled = small.filter((c) => draft.sizeOf(c) > 0);
  draft.counts.merges = filled.length;
  if (filled.length === 0) return;
  const ids = Int32Array.from(filled.flatMap((c) => [...draft.membersOf(c)])).sort();
  const rows = yield ids;
  draft.move(ids, assignRows(rows, centroids, metric, isLarge), rows);
}

function* splitLargest(draft: PlanDraft, largest: number, empty: number): RowRequests<void> {
  const { dim } = draft;
  const ids = draft.membersOf(largest);
  const rows = yield ids;
  const { isMoved, isHalved } = splitInTwo(rows, dim);
  const places = [...ids.keys()].filter((i) => isMoved[i] === 1);
  const movedRows = gatherRows(rows, places, dim);
  const moved = Int32Array.from(places, (place) => ids[place]!);
  draft.move(moved, new Int32Array(moved.length).fill(empty), movedRows);
  draft.republished.add(largest).add(empty);
  draft.counts.splits += 1;
  if (isHalved) draft.counts.halvings += 1;
}

/** The clusters as they become while the plan is made, on top of a view that stays. */
class PlanDraft {
  readonly dim: number;
  readonly republished = new Set<number>();
  readonly counts = { merges: 0, splits: 0, halvings: 0, unfilled: 0 };
  readonly #view: ClusterView;
  /** [K] */
  readonly #sizes: Int32Array;
  /** By cluster: samples that have come to it, some of which may have left again. */
  readonly #arrivals = new Map<number, Set<number>>();
  /** By sample that was moved: the cluster that it has now, and its row. */
  readonly #moved = new Map<number, { to: number; row: Float32Array }>();
  #moves = 0;

  constructor(view: ClusterView, dim: number) {
    this.#view = view;
    this.dim = dim;
    this.#sizes = view.sizes.slice();
  }

  sizeOf(label: number): number {
    return this.#sizes[label]!;
  }

  /** Ties: the lowest number. */
  largestCluster(): number {
    return indexOfLargest(this.#sizes);
  }

  membersOf(label: number): Int32Array {
    const members = new Set([...this.#view.membersOf(label), ...(this.#arrivals.get(label) ?? [])]);
    return Int32Array.from(members)
      .filter((id) => this.#clusterOf(id) === label)
      .sort();
  }

  /** @param to [n] clusters other than those that the samples have */
  move(ids: Int32Array, to: Int32Array, rows: Float32Array): void {
    ids.forEach((id, i) => {
      const target = to[i]!;
      this.#sizes[this.#clusterOf(id)]! -= 1;
      this.#sizes[target]! += 1;
      this.#moved.set(id, { to: target, row: rows.subarray(i * this.dim, (i + 1) * this.dim) });
      const arrivals = this.#arrivals.get(target) ?? new Set();
      this.#arrivals.set(target, arrivals.add(id));
    });
    this.#moves += ids.length;
  }

  finish(postponed: number): SmallClusterPlan {
    const before = this.#view.pseudoLabels;
    const net = [...this.#moved].filter(([id, { to }]) => before[id] !== to);
    net.sort(([a], [b]) => a - b);
    const rows = new Float32Array(net.length * this.dim);
    net.forEach(([, { row }], i) => {
      rows.set(row, i * this.dim);
    });
    return {
      ids: Int32Array.from(net, ([id]) => id),
      from: Int32Array.from(net, ([id]) => before[id]!),
      to: Int32Array.from(net, ([, { to }]) => to),
      rows,
      republished: [...this.republished].sort((a, b) => a - b),
      counts: { ...this.counts, moves: this.#moves, postponed },
    };
  }

  #clusterOf(id: number): number {
    return this.#moved.get(id)?.to ?? this.#view.pseudoLabels[id]!;
  }
}

function indexOfLargest(sizes: Int32Array): number {
  let largest = 0;
  sizes.forEach((size, c) => {
    if (size > sizes[largest]!) largest = c;
  });
  return largest;
}
