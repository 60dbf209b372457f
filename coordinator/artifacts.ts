/** Bundles of arrays that workers fetch by name: merged moments, the whitening, centroids. Only the newest are kept. */
import { encodeSafetensors, type NamedArrays } from '../src/checkpoint/safetensors.ts';
import { TrainerError } from '../src/errors.ts';

export class Artifacts {
  /** By name, encoded once for all who fetch. */
  readonly #bytes = new Map<string, Uint8Array>();

  /** Publishes a bundle under a new name and answers with the name. */
  publish(name: string, arrays: NamedArrays): string {
    this.#bytes.set(name, encodeSafetensors(arrays));
    return name;
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
    throw new TrainerError('LEASE_LOST', `artifact ${name} is not published any more`, { name });
  }
}
