/**
 * Multinomial logistic regression, fitted until it stands still, with a penalty that a part of the
 * training rows chooses: what a linear classifier can make of features, whatever their number.
 * The fit is src/evaluation/logistic/fit.ts. Shapes: n rows, m test rows, D feature dimensions,
 * W = D + 1 columns, K classes.
 */
import { gather, gatherRows } from '../math/matrix.ts';
import { requireUsable, type LabelledFeatures } from './labelled-features.ts';
import type { ProbeRows } from './linear-probe.ts';
import { fitLogistic, type FitOptions } from './logistic/fit.ts';
import { leadingDirections, type LeadingDirections } from './logistic/preconditioner.ts';
import { float64Products, type OpenProducts } from './products.ts';
import { fitScaling, scaleRows } from './scaling.ts';
import { membersByClass, stratifiedSplit } from './split.ts';

export interface LogisticOptions {
  /** Decides which training rows choose the penalty. */
  readonly seed: number;
  /** Called {@link LOGISTIC_PASSES} times, as the fits are done. */
  readonly onPass?: () => void;
  /** Where products with the rows are computed; left out: in float64 on this thread. */
  readonly products?: OpenProducts;
}

/** C, from the strongest penalty to the weakest: each fit begins with the one before. */
const INVERSE_PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1, 1] as const;
/** Where a class has too few rows for a choice. */
const DEFAULT_INVERSE_PENALTY = 1e-2;
/** Rows of every class from which on a part can choose. */
const LEAST_OF_CLASS = 5;
/** Of the training rows, those that choose. */
const CHOOSING_PART = 0.2;
/** One for each penalty, and the last fit. */
export const LOGISTIC_PASSES = INVERSE_PENALTIES.length + 1;
/** Where a fit that only chooses stands still; the last one goes on to its own. */
const CHOOSING_STANDSTILL = 5e-4;

/** Share of test images whose class is right. @returns 0 to 1; otherwise as {@link logisticHits} */
export function logisticTop1(set: LabelledFeatures, options: LogisticOptions): number {
  const hits = logisticHits(set, options);
  return hits.length === 0 ? 0 : hits.reduce((sum, hit) => sum + hit, 0) / hits.length;
}

/**
 * Which test images are given their class; ties go to the lower class. Features are standardised by
 * the training part.
 * @returns [m] 1 where it is right, else 0; all 0 where there is nothing to learn from
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE
 */
export function logisticHits(
  set: LabelledFeatures,
  { seed, onPass, products: open = float64Products }: LogisticOptions,
): Uint8Array {
  requireUsable(set);
  const { train, trainLabels, test, testLabels, dim, classes } = set;
  const hits = new Uint8Array(testLabels.length);
  if (trainLabels.length === 0 || testLabels.length === 0) return hits;
  const scaling = fitScaling(train, trainLabels.length, dim);
  const rows = { rows: scaleRows(train, scaling), labels: trainLabels, width: dim + 1, classes };
  const held = { ...rows, rows: scaleRows(test, scaling), labels: testLabels };
  const own = open(rows.rows, rows.width);
  const directions = leadingDirections(own, trainLabels.length, rows.width);
  const chosen = chosenPenalty(rows, { seed, open, directions, onPass });
  const start = chosen.weights === null ? {} : { start: chosen.weights };
  const options = { ...start, directions, products: own };
  const weights = fitLogistic(rows, chosen.inversePenalty, options);
  own.end();
  onPass?.();
  return hitsOf(weights, held, open);
}

interface ChoiceOptions extends Required<Pick<FitOptions, 'directions'>> {
  readonly seed: number;
  readonly open: OpenProducts;
  readonly directions: LeadingDirections;
  readonly onPass: (() => void) | undefined;
}

interface ChosenPenalty {
  readonly inversePenalty: number;
  /** [K, W] that the rows which do not choose gave; null where there was no choice. */
  readonly weights: Float64Array | null;
}

/** The strongest penalty of those that are best on rows that were left out. */
function chosenPenalty(
  rows: ProbeRows,
  { seed, open, directions, onPass }: ChoiceOptions,
): ChosenPenalty {
  const { labels, width } = rows;
  const members = membersByClass(labels).filter(({ length }) => length > 0);
  if (members.some(({ length }) => length < LEAST_OF_CLASS)) {
    INVERSE_PENALTIES.forEach(() => onPass?.());
    return { inversePenalty: DEFAULT_INVERSE_PENALTY, weights: null };
  }
  const parts = { labels, testFraction: CHOOSING_PART, maxImages: labels.length, seed };
  const split = stratifiedSplit(parts);
  const part = (ids: Int32Array): ProbeRows => ({
    ...rows,
    rows: gatherRows(rows.rows, ids, width),
    labels: gather(labels, ids),
  });
  const [learning, choosing] = [part(split.train), part(split.test)];
  const products = open(learning.rows, width);
  const options = { standstill: CHOOSING_STANDSTILL, directions, products };
  let best: ChosenPenalty = { inversePenalty: DEFAULT_INVERSE_PENALTY, weights: null };
  let most = -1;
  let weights: Float64Array | undefined;
  for (const inversePenalty of INVERSE_PENALTIES) {
    const start = weights === undefined ? {} : { start: weights };
    weights = fitLogistic(learning, inversePenalty, { ...options, ...start });
    const right = hitsOf(weights, choosing, open).reduce((sum, hit) => sum + hit, 0);
    if (right > most) best = { inversePenalty, weights };
    most = Math.max(most, right);
    onPass?.();
  }
  products.end();
  return best;
}

/** @returns [rows] 1 where the class of the greatest logit is right, else 0 */
function hitsOf(
  weights: Float64Array,
  { rows, labels, width, classes }: ProbeRows,
  open: OpenProducts,
): Uint8Array {
  const products = open(rows, width);
  const logits = products.logits(weights, classes);
  products.end();
  return Uint8Array.from(labels, (label, i) => {
    const own = i * classes;
    let winner = 0;
    for (let c = 1; c < classes; c += 1) if (logits[own + c]! > logits[own + winner]!) winner = c;
    return winner === label ? 1 : 0;
  });
}
