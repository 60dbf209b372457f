/**
 * Decoded images kept in memory, the least recently used leaving first; with each, where there is room beside all images,
 * its deterministic view, which every clustering needs again.
 */
import type { DecodedImage } from '../pixels/decode.ts';

export class ImageCache {
  /** In order of last use, oldest first. */
  readonly #images = new Map<number, DecodedImage>();
  /** Deterministic views of some of the images. */
  readonly #views = new Map<number, Uint8Array>();
  /** Sum of the images' and views' bytes; never above the limit. */
  #bytes = 0;
  readonly #limit: number;

  /** @param limitBytes pixels kept at most [bytes]; 0 keeps none */
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(id: number): DecodedImage | undefined {
    const image = this.#images.get(id);
    if (image !== undefined) {
      this.#images.delete(id);
      this.#images.set(id, image);
    }
    return image;
  }

  /** Keeps an image, unless it alone is over the limit. */
  put(id: number, image: DecodedImage): void {
    this.#remove(id);
    if (image.data.length > this.#limit) return;
    this.#images.set(id, image);
    this.#bytes += image.data.length;
    for (const oldest of this.#views.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#removeView(oldest);
    }
    for (const oldest of this.#images.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#remove(oldest);
    }
  }

  /**
   * Why the kept image is only a part of what it was; undefined for one that is whole, or not kept.
   */
  damageOf(id: number): string | undefined {
    return this.#images.get(id)?.damage;
  }

  /** The kept deterministic view of an image: to read, not to write. */
  viewOf(id: number): Uint8Array | undefined {
    return this.#views.get(id);
  }

  /** Keeps a copy of the deterministic view of a kept image, unless something else would have to leave for it. */
  keepView(id: number, view: Uint8Array): void {
    if (!this.#images.has(id) || this.#views.has(id)) return;
    if (this.#bytes + view.length > this.#limit) return;
    this.#views.set(id, view.slice());
    this.#bytes += view.length;
  }

  #remove(id: number): void {
    this.#removeView(id);
    this.#bytes -= this.#images.get(id)?.data.length ?? 0;
    this.#images.delete(id);
  }

  #removeView(id: number): void {
    this.#bytes -= this.#views.get(id)?.length ?? 0;
    this.#views.delete(id);
  }
}
