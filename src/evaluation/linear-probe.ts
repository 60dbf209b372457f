/**
 * Linear probe: multinomial logistic regression on frozen features, by minibatch SGD with momentum.
 * Source: the protocol of Zhang et al. 2016 (arXiv:1603.08511) that DeepCluster's linear evaluation
 * follows, on one feature. Shapes: n rows, D feature dimensions, W = D + 1 columns (the last is 1,
 * so that the bias is a weight), C classes, B batch rows.
 */
import { seededRng, shuffleInPlace, type Rng } from '../math/rng.ts';
import { requireUsable, type LabelledFeatures } from './labelled-features.ts';
import { gatherRows, multiplyTransposed } from '../math/matrix.ts';
import { fitScaling, scaleRows } from './scaling.ts';
import { addOuterProducts, newBatch, softmaxInPlace, type ProbeBatch } from './softmax-rows.ts';

export interface ProbeOptions {
  /** Passes over the training rows. */
  readonly epochs: number;
  /** Decides the order of the rows. */
  readonly seed: number;
  /** Called before each pass: many wide rows take minutes. */
  readonly onPass?: () => void;
  /** Left out: float64 on this thread. */
  readonly trainer?: ProbeTrainer;
}

/** Where the steps of a probe are computed. */
export interface ProbeTrainer {
  /** B, images of a step. */
  readonly batchRows: number;
  /** Rows that the curvature is taken from, drawn at random; more of them cost time alone. */
  readonly curvatureRows: number;
  /** A classifier with weights of zero; the set remains the caller's, and as it is. */
  readonly begin: (set: ProbeRows) => ProbeFit;
}

/** A classifier in training. */
export interface ProbeFit {
  /** Descends along the gradient of {@link lossAndGradient}. @param ids rows of the step */
  step(ids: Int32Array, descent: Descent): void;
  /**
   * @param rows [b, W] others than those of training, b at most B
   * @returns [b, C]
   */
  logits(rows: Float32Array): ArrayLike<number>;
  /** Gives back what it holds. */
  end(): void;
}

export interface Descent {
  readonly rate: number;
  /** velocity := momentum velocity + gradient; weights := weights - rate velocity */
  readonly momentum: number;
  /** The gradient has weightDecay times the weights besides. */
  readonly weightDecay: number;
}

const BATCH_ROWS = 32;
const MOMENTUM = 0.9;
/** Light: it keeps the weights of separable classes finite and does little else. */
const WEIGHT_DECAY = 1e-4;
const POWER_ITERATIONS = 20;

const FLOAT64: ProbeTrainer = {
  batchRows: BATCH_ROWS,
  curvatureRows: Infinity,
  begin: (set) => new Float64Fit(set),
};

/**
 * Share of test images whose class is right, by a linear classifier trained on the training rows;
 * ties go to the lower class. Features are standardised by the training part. The learning rate
 * comes from their curvature and falls to zero along a cosine, so that no setting depends on the
 * features' scales. The same set, epochs and seed give the same bits.
 * @returns 0 to 1; 0 where there is nothing to learn from or to test on
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE
 */
export function linearProbeTop1(set: LabelledFeatures, options: ProbeOptions): number {
  requireUsable(set);
  const { train, trainLabels, test, testLabels, dim, classes } = set;
  if (trainLabels.length === 0 || testLabels.length === 0) return 0;
  const { trainer = FLOAT64 } = options;
  const scaling = fitScaling(train, trainLabels.length, dim);
  const rows = { rows: scaleRows(train, scaling), labels: trainLabels, width: dim + 1, classes };
  const fit = trainer.begin(rows);
  try {
    trainProbe(fit, rows, trainer, options);
    const held = { ...rows, rows: scaleRows(test, scaling), labels: testLabels };
    return accuracy(fit, held, trainer.batchRows);
  } finally {
    fit.end();
  }
}

export interface ProbeRows {
  /** [n, W] */
  readonly rows: Float32Array;
  /** [n] */
  readonly labels: Int32Array;
  readonly width: number;
  readonly classes: number;
}

/** From zero: the objective is convex. */
function trainProbe(
  fit: ProbeFit,
  { rows, labels, width }: ProbeRows,
  { batchRows, curvatureRows }: ProbeTrainer,
  { epochs, seed, onPass }: ProbeOptions,
): void {
  const n = labels.length;
  const rng = seededRng(seed, 'linear probe');
  const order = Int32Array.from(labels.keys());
  let [curved, count] = [rows, n];
  if (n > curvatureRows) {
    shuffleInPlace(order, rng);
    [curved, count] = [gatherRows(rows, order.subarray(0, curvatureRows), width), curvatureRows];
  }
  const peakRate = 1 / smoothness(curved, count, width, rng, batchRows);
  const steps = epochs * Math.ceil(n / batchRows);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    onPass?.();
    shuffleInPlace(order, rng);
    for (let begin = 0; begin < n; begin += batchRows) {
      const rate = (peakRate / 2) * (1 + Math.cos((Math.PI * step) / steps));
      const descent = { rate, momentum: MOMENTUM, weightDecay: WEIGHT_DECAY };
      fit.step(order.subarray(begin, begin + batchRows), descent);
      step += 1;
    }
  }
}

/** In float64, on the caller's thread. */
class Float64Fit implements ProbeFit {
  readonly #set: ProbeRows;
  /** [C, W] each. */
  readonly #weights: Float64Array;
  readonly #velocity: Float64Array;
  readonly #gradient: Float64Array;
  readonly #batch: ProbeBatch;

  constructor(set: ProbeRows) {
    const size = set.classes * set.width;
    this.#set = set;
    this.#weights = new Float64Array(size);
    this.#velocity = new Float64Array(size);
    this.#gradient = new Float64Array(size);
    this.#batch = newBatch(BATCH_ROWS, set.width, set.classes);
  }

  step(ids: Int32Array, { rate, momentum }: Descent): void {
    const { rows, labels, width, classes } = this.#set;
    const [weights, velocity, gradient] = [this.#weights, this.#velocity, this.#gradient];
    fillBatch(this.#batch, rows, labels, ids, width);
    lossAndGradient(weights, this.#batch, width, classes, gradient);
    for (let i = 0; i < weights.length; i += 1) {
      const v = momentum * velocity[i]! + gradient[i]!;
      velocity[i] = v;
      weights[i] = weights[i]! - rate * v;
    }
  }

  logits(rows: Float32Array): Float64Array {
    const { width, classes } = this.#set;
    const { rows: wide, residuals } = this.#batch;
    const count = rows.length / width;
    wide.set(rows);
    multiplyTransposed(wide, count, this.#weights, classes, width, residuals);
    return residuals.subarray(0, count * classes);
  }

  end(): void {
    // The collector's.
  }
}

/**
 * Mean cross-entropy of the batch plus half the weight decay times the squared weights, bias
 * included.
 * @param weights [C, W]
 * @param gradient [C, W] overwritten with the derivative by the weights
 */
export function lossAndGradient(
  weights: Float64Array,
  batch: ProbeBatch,
  width: number,
  classes: number,
  gradient: Float64Array,
): number {
  const { count, rows, labels, residuals } = batch;
  multiplyTransposed(rows, count, weights, classes, width, residuals);
  let loss = 0;
  for (let i = 0; i < count; i += 1) {
    const target = i * classes + labels[i]!;
    const own = residuals[target]!;
    loss += softmaxInPlace(residuals, i * classes, classes) - own;
    residuals[target] = residuals[target]! - 1;
  }
  let squares = 0;
  for (let i = 0; i < gradient.length; i += 1) {
    const weight = weights[i]!;
    squares += weight * weight;
    gradient[i] = WEIGHT_DECAY * weight;
  }
  addOuterProducts(batch, { width, classes, divisor: count }, gradient);
  return loss / count + (WEIGHT_DECAY / 2) * squares;
}

/**
 * Bound on how fast the gradient of a minibatch changes: softmax cross-entropy bends by at most
 * half of the second moment of its inputs, whose largest eigenvalue is found by power iteration;
 * drawing B rows adds their mean squared length / B.
 */
export function smoothness(
  rows: Float32Array,
  n: number,
  width: number,
  rng: Rng,
  batchRows = BATCH_ROWS,
): number {
  let direction = Float64Array.from({ length: width }, () => rng.normal());
  let eigenvalue = 0;
  for (let iteration = 0; iteration < POWER_ITERATIONS; iteration += 1) {
    const length = Math.sqrt(direction.reduce((sum, x) => sum + x * x, 0));
    const next = new Float64Array(width);
    for (let begin = 0; begin < n * width; begin += width) {
      let dot = 0;
      for (let j = 0; j < width; j += 1) dot += rows[begin + j]! * direction[j]!;
      dot /= length * n;
      for (let j = 0; j < width; j += 1) next[j] = next[j]! + dot * rows[begin + j]!;
    }
    direction = next;
    eigenvalue = Math.sqrt(next.reduce((sum, x) => sum + x * x, 0));
  }
  const squares = rows.reduce((sum, x) => sum + x * x, 0) / n;
  return (eigenvalue + squares / batchRows) / 2;
}

function accuracy(
  fit: ProbeFit,
  { rows, labels, width, classes }: ProbeRows,
  batchRows: number,
): number {
  const n = labels.length;
  let right = 0;
  for (let begin = 0; begin < n; begin += batchRows) {
    const end = Math.min(n, begin + batchRows);
    const logits = fit.logits(rows.subarray(begin * width, end * width));
    for (let i = 0; i < end - begin; i += 1) {
      const own = i * classes;
      let winner = 0;
      for (let c = 1; c < classes; c += 1) if (logits[own + c]! > logits[own + winner]!) winner = c;
      if (winner === labels[begin + i]) right += 1;
    }
  }
  return right / n;
}

/** Copies the rows that `ids` name. */
function fillBatch(
  batch: ProbeBatch,
  rows: Float32Array,
  labels: Int32Array,
  ids: Int32Array,
  width: number,
): void {
  batch.count = ids.length;
  ids.forEach((id, i) => {
    batch.labels[i] = labels[id]!;
    const from = id * width;
    const to = i * width;
    for (let j = 0; j < width; j += 1) batch.rows[to + j] = rows[from + j]!;
  });
}
