/**
 * Softmax cross-entropy, weighted and summed over a slice, and its gradient; in float64, stored in
 * float32. Shapes: B images, K classes.
 */
import { protocolViolation } from '../../errors.ts';

/**
 * @param logits [B, K]
 * @param pseudoLabels [B], each in 0 .. K - 1
 * @param weights [B], of each loss; null: all 1
 * @returns the weighted sum of the losses, and its gradient with respect to the logits [B, K]
 * @throws TrainerError PROTOCOL_VIOLATION for a pseudo-label that the head does not have
 */
export function softmaxLoss(
  logits: Float32Array,
  pseudoLabels: Int32Array,
  classes: number,
  weights: ArrayLike<number> | null = null,
): { lossSum: number; gradient: Float32Array } {
  const gradient = new Float32Array(logits.length);
  const exponentials = new Float64Array(classes);
  let lossSum = 0;
  for (let b = 0; b < pseudoLabels.length; b += 1) {
    const label = requireClass(pseudoLabels[b]!, classes);
    const row = logits.subarray(b * classes, (b + 1) * classes);
    // The largest logit becomes exp(0): no overflow, and the sum is at least 1.
    let largest = -Infinity;
    for (const logit of row) if (logit > largest) largest = logit;
    let sum = 0;
    for (let k = 0; k < classes; k += 1) {
      exponentials[k] = Math.exp(row[k]! - largest);
      sum += exponentials[k]!;
    }
    const weight = weights === null ? 1 : weights[b]!;
    lossSum += weight * (largest + Math.log(sum) - row[label]!);
    const out = b * classes;
    for (let k = 0; k < classes; k += 1) {
      gradient[out + k] = weight * (exponentials[k]! / sum);
    }
    gradient[out + label] = weight * (exponentials[label]! / sum - 1);
  }
  return { lossSum, gradient };
}

/** @throws TrainerError PROTOCOL_VIOLATION for a pseudo-label that the head does not have */
export function requireClass(label: number, classes: number): number {
  if (label >= 0 && label < classes) return label;
  const remedy = 'the assignment and the head must come from the same clustering';
  throw protocolViolation('pseudo-label', `0 .. ${classes - 1}`, label, remedy);
}
