/**
 * Sums over the slices of a step as the definition has them: node i of level L is the float32 sum
 * of nodes 2i and 2i + 1 of level L - 1, or the one that there is. Whole vectors, one level after
 * the other; nothing is shared with src/ps/slice-tree.ts.
 */

/** @param slices vectors of all slices in slice order, null where one has none; at least one has */
export function treeSum(slices: readonly (Float32Array | null)[]): Float32Array {
  let level = [...slices];
  while (level.length > 1) {
    const above: (Float32Array | null)[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i] ?? null, level[i + 1] ?? null];
      above.push(left === null || right === null ? (left ?? right) : roundedSum(left, right));
    }
    level = above;
  }
  return level[0]!;
}

function roundedSum(left: Float32Array, right: Float32Array): Float32Array {
  return left.map((value, i) => Math.fround(value + right[i]!));
}

/** What a pass over a slice gave; of no sample: nothing. */
export interface PlainSlice {
  readonly samples: number;
  readonly gradient: Float32Array;
  readonly statistics: Float32Array;
}

/** Mean gradient, and mean statistics in float64, over the samples of a step. */
export function plainMeans(slices: readonly PlainSlice[]): {
  gradient: Float32Array;
  statistics: Float64Array;
} {
  const samples = slices.reduce((total, slice) => total + slice.samples, 0);
  const some = slices.map((slice) => (slice.samples > 0 ? slice : null));
  const weighted = some.map(
    (slice) => slice?.statistics.map((value) => Math.fround(slice.samples * value)) ?? null,
  );
  return {
    gradient: treeSum(some.map((slice) => slice?.gradient ?? null)).map((sum) => sum / samples),
    statistics: Float64Array.from(treeSum(weighted), (sum) => sum / samples),
  };
}
