/**
 * Bundles of arrays that workers fetch by name: merged moments, the whitening, centroids. Only the
 * newest are kept; some are made for who asks, of what its name says that it has.
 */
import { encodeSafetensors, type NamedArrays } from '../../src/arrays/safetensors.ts';
import { TrainerError } from '../../src/errors.ts';

export class Artifacts {
  /** By name, encoded once for all who fetch. */
  readonly #bytes = new Map<string, Uint8Array>();

  /**
   * By the part of the name before the first slash: makes the bundle that the rest of the name asks
   * for.
   */
  readonly #makers = new Map<string, (rest: string) => NamedArrays | null>();

  /** Publishes a bundle under a new name and answers with the name. */
  publish(name: string, arrays: NamedArrays): string {
    this.#bytes.set(name, encodeSafetensors(arrays));
    return name;
  }

  /** Makes every bundle `family/rest` when it is asked for; null where there is none any more. */
  offer(family: string, make: (rest: string) => NamedArrays | null): void {
    this.#makers.set(family, make);
  }

  withdraw(name: string): void {
    this.#bytes.delete(name);
  }

  clear(): void {
    this.#bytes.clear();
  }

  /** @throws TrainerError LEASE_LOST: who asks works on something that is over */
  get(name: string): Uint8Array {
    const bytes = this.#bytes.get(name);
    if (bytes !== undefined) return bytes;
    const slash = name.indexOf('/');
    const made = this.#makers.get(name.slice(0, slash))?.(name.slice(slash + 1));
    if (made) return encodeSafetensors(made);
    throw new TrainerError('LEASE_LOST', `artifact ${name} is not published any more`, { name });
  }
}
