/** Arrays for gradients, as those who compute them see them. */
export interface GradientArrays {
  /**
   * For a gradient of so many parameters, with anything in it; null: there is none, take memory of
   * your own.
   */
  take(parameters: number): Float32Array | null;
  /** The caller reads and writes it no more. */
  giveBack(gradient: Float32Array): void;
}

/** None is kept. */
export const FRESH_GRADIENTS: GradientArrays = { take: () => null, giveBack: () => undefined };
