/**
 * Stochastic gradient descent as the reference does it, in place on a range of the flat vectors.
 * Source: spec of DeepCluster, section 7: g += wd * w; v = momentum * v + g; w -= lr * v. The head
 * has no momentum. LARS: You et al. 2017 (arXiv:1708.03888), eq. 6: g becomes trust * |w| / (|g| +
 * wd * |w|) times (g + wd * w) of a variable, before momentum; the learning rate stays outside of
 * it. Rounding: computed in float64; v and w are rounded to float32 once, when stored, and w moves
 * by the stored v.
 */

export interface SgdRule {
  readonly learningRate: number;
  /** Coupled L2: added to the gradient, so that momentum carries it too. */
  readonly weightDecay: number;
  /**
   * The variable's own, by which gradient and decay are multiplied; 1 if left out, which changes no
   * bit.
   */
  readonly ownRate?: number;
}

export interface MomentumRule extends SgdRule {
  readonly momentum: number;
  /** Left out: no. */
  readonly isNesterov?: boolean;
}

/**
 * One step of the body.
 * @param parameters [n] updated in place
 * @param momentum [n] the buffer v, updated in place; zeros before the first step, which so gives v
 *   = g
 * @param gradient [n] mean over the step's samples; read only
 */
export function stepWithMomentum(
  parameters: Float32Array,
  momentum: Float32Array,
  gradient: Float32Array,
  rule: MomentumRule,
): void {
  const { learningRate, weightDecay, momentum: decay, ownRate = 1 } = rule;
  for (let i = 0; i < parameters.length; i += 1) {
    const w = parameters[i]!;
    const v = Math.fround(decay * momentum[i]! + ownRate * (gradient[i]! + weightDecay * w));
    momentum[i] = v;
    parameters[i] = w - learningRate * v;
  }
}

/**
 * The same in Nesterov's form: w -= lr * (g + momentum * v), with the stored v. Source: Sutskever
 * et al. 2013, as torch.optim.SGD writes it.
 */
export function stepWithNesterov(
  parameters: Float32Array,
  momentum: Float32Array,
  gradient: Float32Array,
  rule: MomentumRule,
): void {
  const { learningRate, weightDecay, momentum: decay, ownRate = 1 } = rule;
  for (let i = 0; i < parameters.length; i += 1) {
    const w = parameters[i]!;
    const g = ownRate * (gradient[i]! + weightDecay * w);
    const v = Math.fround(decay * momentum[i]! + g);
    momentum[i] = v;
    parameters[i] = w - learningRate * (g + decay * v);
  }
}

/**
 * One step of the head.
 * @param parameters [n] updated in place
 * @param gradient [n] mean over the step's samples; read only
 */
export function stepPlain(parameters: Float32Array, gradient: Float32Array, rule: SgdRule): void {
  const { learningRate, weightDecay, ownRate = 1 } = rule;
  for (let i = 0; i < parameters.length; i += 1) {
    const w = parameters[i]!;
    parameters[i] = w - learningRate * (ownRate * (gradient[i]! + weightDecay * w));
  }
}

/**
 * LARS: the rate of a variable by the lengths of its values and of its mean gradient.
 * @returns 1 where either is 0, as of a variable that begins at zero
 */
export function larsRate(
  valueNorm: number,
  gradientNorm: number,
  { trust, weightDecay }: { readonly trust: number; readonly weightDecay: number },
): number {
  if (valueNorm === 0 || gradientNorm === 0) return 1;
  return (trust * valueNorm) / (gradientNorm + weightDecay * valueNorm);
}
