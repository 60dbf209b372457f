/**
 * Centroids that a network is trained against. Shapes: H heads, K prototypes of each, d columns.
 */

/** What views are compared with. */
export interface Prototypes {
  /** [H, K, d] unit rows. */
  readonly values: Float32Array;
  /** H */
  readonly heads: number;
  /** K */
  readonly clusters: number;
  readonly temperature: number;
}
