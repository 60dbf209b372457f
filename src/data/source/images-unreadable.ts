/**
 * An order whose images cannot all be read: nothing is done with the others, and the coordinator
 * decides.
 */
import type { UnreadableImage } from './unreadable.ts';
import { TrainerError } from '../../errors.ts';

/** Images that a failed order names: a result's header stays far below gRPC's 4 MiB. */
export const MOST_NAMED = 1_000;

export class ImagesUnreadable extends TrainerError {
  readonly images: readonly UnreadableImage[];

  /** @param images at least one */
  constructor(images: readonly UnreadableImage[]) {
    const [first] = images;
    const named = `${first?.path ?? ''} (${first?.reason ?? ''})`;
    super('DATA_UNREADABLE', `${images.length} images cannot be read, the first ${named}`);
    this.images = images;
  }
}

/** @throws ImagesUnreadable */
export function requireReadable(unreadable: readonly UnreadableImage[]): void {
  if (unreadable.length > 0) throw new ImagesUnreadable(unreadable);
}
