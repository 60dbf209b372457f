/** Decoded images kept in memory, the least recently used leaving first. */
import type { RawImage } from './resample.ts';

export class ImageCache {
  /** In order of last use, oldest first. */
  readonly #images = new Map<number, RawImage>();
  /** Sum of the images' bytes; never above the limit. */
  #bytes = 0;
  readonly #limit: number;

  /** @param limitBytes pixels kept at most [bytes]; 0 keeps none */
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(id: number): RawImage | undefined {
    const image = this.#images.get(id);
    if (image !== undefined) {
      this.#images.delete(id);
      this.#images.set(id, image);
    }
    return image;
  }

  /** Keeps an image, unless it alone is over the limit. */
  put(id: number, image: RawImage): void {
    this.#remove(id);
    if (image.data.length > this.#limit) return;
    this.#images.set(id, image);
    this.#bytes += image.data.length;
    for (const oldest of this.#images.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#remove(oldest);
    }
  }

  #remove(id: number): void {
    this.#bytes -= this.#images.get(id)?.data.length ?? 0;
    this.#images.delete(id);
  }
}
