/**
 * Stochastic gradient descent as the reference does it, in place on a range of the flat vectors.
 * Source: spec of DeepCluster, section 7: g += wd * w; v = momentum * v + g; w -= lr * v. The head has no momentum.
 * Rounding: computed in float64; v and w are rounded to float32 once, when stored, and w moves by the stored v.
 */

export interface SgdRule {
  readonly learningRate: number;
  /** Coupled L2: added to the gradient, so that momentum carries it too. */
  readonly weightDecay: number;
}

export interface MomentumRule extends SgdRule {
  readonly momentum: number;
}

/**
 * One step of the body.
 * @param parameters [n] updated in place
 * @param momentum [n] the buffer v, updated in place; zeros before the first step, which so gives v = g
 * @param gradient [n] mean over the step's samples; read only
 */
export function stepWithMomentum(
  parameters: Float32Array,
  momentum: Float32Array,
  gradient: Float32Array,
  rule: MomentumRule,
): void {
  const { learningRate, weightDecay, momentum: decay } = rule;
  for (let i = 0; i < parameters.length; i += 1) {
    const w = parameters[i]!;
    const v = Math.fround(decay * momentum[i]! + (gradient[i]! + weightDecay * w));
    momentum[i] = v;
    parameters[i] = w - learningRate * v;
  }
}

/**
 * One step of the head.
 * @param parameters [n] updated in place
 * @param gradient [n] mean over the step's samples; read only
 */
export function stepPlain(parameters: Float32Array, gradient: Float32Array, rule: SgdRule): void {
  const { learningRate, weightDecay } = rule;
  for (let i = 0; i < parameters.length; i += 1) {
    const w = parameters[i]!;
    parameters[i] = w - learningRate * (gradient[i]! + weightDecay * w);
  }
}
