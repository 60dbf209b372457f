/** Segments of other processes that this one has mapped, each once. */
import { ForeignSegment, hostName, type SegmentPlace } from './segment.ts';

export class ForeignSegments {
  /** By process, descriptor and key. */
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
    if (known !== undefined) return known.segment;
    this.#letGoOfTheDead();
    try {
      const segment = new ForeignSegment(place);
      this.#mapped.set(name, { owner, segment });
      return segment;
    } catch {
      return null; // the numbers come by another way
    }
  }

  /** Mapped segments, for figures. */
  get count(): number {
    return this.#mapped.size;
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
