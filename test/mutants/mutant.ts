/** A bug that the simulation, or a test, must catch. */

/** One place of a change; `find` must be there exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  /** The test file that must catch it; left out: the simulation. */
  readonly test?: string;
  /** The schedule that the simulation begins with, for a bug that few show; left out: 0. */
  readonly first?: number;
  readonly patches: readonly Patch[];
}
