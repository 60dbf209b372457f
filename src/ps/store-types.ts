/** What a parameter store is made of, and what it answers. Shapes as in parameter-store.ts. */

/**
 * All that a store is made of. Staged pushes are not: after a restore their slices are simply
 * computed again.
 */
export interface StoreState {
  /** Count of applied steps. */
  readonly version: number;
  /** The step that is collected next, counted from 0 over the whole run. */
  readonly step: number;
  /** Epoch whose clustering the head belongs to; -1 before the first. */
  readonly headEpoch: number;
  /** [P] */
  readonly parameters: Float32Array;
  /** [S] */
  readonly statistics: Float32Array;
  /** [body] */
  readonly momentum: Float32Array;
}

/** Values to read, not to write; they stay as they are however many steps follow. */
export interface PulledParameters extends Pick<
  StoreState,
  'version' | 'headEpoch' | 'parameters' | 'statistics'
> {
  /**
   * To be called after the last read: the memory is used again. Without it the next step takes
   * fresh memory.
   */
  readonly release: () => void;
}

export type PushOutcome =
  | { readonly kind: 'staged' }
  /** This push was staged or committed before: a retry, harmless. */
  | { readonly kind: 'duplicate' }
  /** The unit was leased again; only this generation and later ones are taken. */
  | { readonly kind: 'fenced'; readonly currentGeneration: number }
  /** Not the step being collected, or computed on other parameters than the current ones. */
  | { readonly kind: 'stale'; readonly version: number };

export type CommitOutcome =
  | { readonly kind: 'applied' | 'duplicate'; readonly version: number }
  /** These are not staged in this generation; nothing was applied. */
  | { readonly kind: 'missing'; readonly slices: readonly number[] };

export interface ResetOutcome {
  readonly kind: 'applied' | 'duplicate';
  readonly version: number;
}
