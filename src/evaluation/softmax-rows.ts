/**
 * Rows of features with a softmax over classes: what the classifiers of the evaluation share.
 * Shapes: W columns of a row, C classes, B rows of a batch.
 */

export interface ProbeBatch {
  /** Rows in use of those there is room for. */
  count: number;
  /** [B, W] */
  readonly rows: Float64Array;
  /** [B] */
  readonly labels: Int32Array;
  /** [B, C] scratch: logits, then the loss' derivative by them. */
  readonly residuals: Float64Array;
}

export function newBatch(room: number, width: number, classes: number): ProbeBatch {
  return {
    count: 0,
    rows: new Float64Array(room * width),
    labels: new Int32Array(room),
    residuals: new Float64Array(room * classes),
  };
}

/** Sizes of a sum of outer products, and what each of them is divided by. */
interface OuterProducts {
  readonly width: number;
  readonly classes: number;
  readonly divisor: number;
}

/**
 * Turns a row of logits into probabilities.
 * @returns the logarithm of the sum of the logits' exponentials
 */
export function softmaxInPlace(logits: Float64Array, begin: number, count: number): number {
  const end = begin + count;
  let most = -Infinity;
  for (let i = begin; i < end; i += 1) most = Math.max(most, logits[i]!);
  let sum = 0;
  for (let i = begin; i < end; i += 1) {
    const power = Math.exp(logits[i]! - most);
    logits[i] = power;
    sum += power;
  }
  for (let i = begin; i < end; i += 1) logits[i] = logits[i]! / sum;
  return most + Math.log(sum);
}

/**
 * gradient += residualsᵀ rows / divisor, four rows and two classes at a time, so that the gradient
 * is read and written once for the four, and the rows once for the two. Each element is summed in
 * the order of the rows' fours, however many classes there are.
 */
export function addOuterProducts(
  batch: OuterFactors,
  sizes: OuterProducts,
  gradient: Float64Array,
): void {
  const { classes } = sizes;
  let c = 0;
  for (; c + 1 < classes; c += 2) addTwoClasses(batch, sizes, c, gradient);
  if (c < classes) addOneClass(batch, sizes, c, 0, gradient);
  const tiled = batch.count - (batch.count % 4);
  for (c = 0; c < classes - (classes % 2); c += 1) addOneClass(batch, sizes, c, tiled, gradient);
}

type OuterFactors = Pick<ProbeBatch, 'count' | 'rows' | 'residuals'>;

/** Classes c and c + 1, of rows in fours; those left over are not added. */
function addTwoClasses(
  { count, rows, residuals }: OuterFactors,
  { width, classes, divisor }: OuterProducts,
  c: number,
  gradient: Float64Array,
): void {
  const to = c * width;
  const next = to + width;
  for (let i = 0; i + 3 < count; i += 4) {
    const at = i * classes + c;
    const r0 = residuals[at]! / divisor;
    const r1 = residuals[at + classes]! / divisor;
    const r2 = residuals[at + 2 * classes]! / divisor;
    const r3 = residuals[at + 3 * classes]! / divisor;
    const s0 = residuals[at + 1]! / divisor;
    const s1 = residuals[at + classes + 1]! / divisor;
    const s2 = residuals[at + 2 * classes + 1]! / divisor;
    const s3 = residuals[at + 3 * classes + 1]! / divisor;
    const x0 = i * width;
    const x1 = x0 + width;
    const x2 = x1 + width;
    const x3 = x2 + width;
    for (let j = 0; j < width; j += 1) {
      const a = rows[x0 + j]!;
      const b = rows[x1 + j]!;
      const d = rows[x2 + j]!;
      const e = rows[x3 + j]!;
      gradient[to + j] = gradient[to + j]! + r0 * a + r1 * b + r2 * d + r3 * e;
      gradient[next + j] = gradient[next + j]! + s0 * a + s1 * b + s2 * d + s3 * e;
    }
  }
}

/** Class c, of the rows from `first` on, a multiple of four. */
function addOneClass(
  { count, rows, residuals }: OuterFactors,
  { width, classes, divisor }: OuterProducts,
  c: number,
  first: number,
  gradient: Float64Array,
): void {
  const to = c * width;
  let i = first;
  for (; i + 3 < count; i += 4) {
    const r0 = residuals[i * classes + c]! / divisor;
    const r1 = residuals[(i + 1) * classes + c]! / divisor;
    const r2 = residuals[(i + 2) * classes + c]! / divisor;
    const r3 = residuals[(i + 3) * classes + c]! / divisor;
    const x0 = i * width;
    const x1 = x0 + width;
    const x2 = x1 + width;
    const x3 = x2 + width;
    for (let j = 0; j < width; j += 1) {
      gradient[to + j] =
        gradient[to + j]! +
        r0 * rows[x0 + j]! +
        r1 * rows[x1 + j]! +
        r2 * rows[x2 + j]! +
        r3 * rows[x3 + j]!;
    }
  }
  for (; i < count; i += 1) {
    const r = residuals[i * classes + c]! / divisor;
    for (let j = 0; j < width; j += 1) {
      gradient[to + j] = gradient[to + j]! + r * rows[i * width + j]!;
    }
  }
}
