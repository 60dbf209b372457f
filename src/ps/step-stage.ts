/** Pushes of one step that wait for its commit, by the unit's first slice and by generation. */
import type { SlicePush } from './slice-push.ts';

/** Generations of a unit that wait at most: of leases that are alive, and of some that are not. */
const CANDIDATES = 4;

export class StepStage {
  readonly #staged = new Map<number, Map<number, SlicePush>>();
  /** By slice: the lowest generation that is not fenced. */
  readonly #fence = new Map<number, number>();

  find(slice: number, generation: number): SlicePush | undefined {
    return this.#staged.get(slice)?.get(generation);
  }

  /** Those of a unit, by generation; of one that has none, an empty map. */
  candidates(slice: number): Map<number, SlicePush> {
    return this.#staged.get(slice) ?? new Map<number, SlicePush>();
  }

  /** 0 where nothing is fenced. */
  lowestGeneration(slice: number): number {
    return this.#fence.get(slice) ?? 0;
  }

  /** The newest few of a unit are kept. */
  put(push: SlicePush): void {
    const candidates = this.candidates(push.slice);
    candidates.set(push.generation, push);
    if (candidates.size > CANDIDATES) {
      const oldest = Math.min(...candidates.keys());
      candidates.get(oldest)?.release?.();
      candidates.delete(oldest);
    }
    this.#staged.set(push.slice, candidates);
  }

  /** Drops what is staged, and takes later generations alone from now on. */
  fence(): void {
    for (const [slice, candidates] of this.#staged) {
      this.#fence.set(slice, Math.max(...candidates.keys()) + 1);
    }
    this.drop();
  }

  /** Arrays that were lent go back: nothing reads them any more. */
  drop(): void {
    for (const candidates of this.#staged.values()) {
      for (const { release } of candidates.values()) release?.();
    }
    this.#staged.clear();
  }
}
