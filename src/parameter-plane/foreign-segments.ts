/** Segments of other processes that this one has mapped, each once. */
import { ForeignSegment, hostName, type SegmentPlace } from './segment.ts';

/**
 * Of one process at a time: a server's two buffers and some that a checkpoint holds, a worker's
 * gradients of a step. What is let go of too early is mapped again.
 */
const MOST_OF_A_PROCESS = 8;

export class ForeignSegments {
  /** By process, descriptor and key; those in use last come last. */
  readonly #mapped = new Map<
    string,
    { readonly owner: number; readonly segment: ForeignSegment }
  >();

  /** Null where it cannot be reached from here: another machine, user or container, or it is gone. */
  open(place: SegmentPlace): ForeignSegment | null {
    if (place.host === '' || place.host !== hostName()) return null;
    const { process: owner, descriptor, key, elements } = place;
    const name = `${owner}/${descriptor}/${key}/${elements}`;
    const known = this.#mapped.get(name);
    if (known !== undefined) {
      this.#mapped.delete(name);
      this.#mapped.set(name, known);
      return known.segment;
    }
    this.#letGoOfTheDead();
    try {
      const segment = new ForeignSegment(place);
      this.#mapped.set(name, { owner, segment });
      this.#letGoOfTheOldest(owner);
      return segment;
    } catch {
      return null; // the numbers come by another way
    }
  }

  /** Mapped segments, for figures. */
  get count(): number {
    return this.#mapped.size;
  }

  #letGoOfTheOldest(owner: number): void {
    const names = [...this.#mapped].flatMap(([name, mapped]) =>
      mapped.owner === owner ? [name] : [],
    );
    for (const name of names.slice(0, -MOST_OF_A_PROCESS)) this.#mapped.delete(name);
  }

  /** Memory of a process that has ended is freed when nobody maps it any more. */
  #letGoOfTheDead(): void {
    for (const [name, { owner }] of this.#mapped) if (!isAlive(owner)) this.#mapped.delete(name);
  }
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
