/** unreadable.csv and damaged.csv of a run, and what the log says of the images in them. */
import { messageOf } from '../../src/errors.ts';
import type { UnreadableImage } from '../../src/data/source/unreadable.ts';
import { isDiskFull } from '../../src/process/disk-full.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';
import { DAMAGED, SkipLog } from './skip-log.ts';

export interface ImageListsDeps {
  readonly record: RunRecord;
  readonly folder: RunFolder;
  readonly logger: Logger;
}

export class ImageLists {
  readonly #deps: ImageListsDeps;
  readonly #skips: SkipLog;
  readonly #damages: SkipLog;

  constructor(deps: ImageListsDeps) {
    this.#deps = deps;
    this.#skips = new SkipLog(deps.logger);
    this.#damages = new SkipLog(deps.logger, DAMAGED);
  }

  /** Images that a clustering found unreadable, or damaged. */
  noteFound(unreadable: readonly UnreadableImage[], damaged: readonly UnreadableImage[]): void {
    const { record, folder } = this.#deps;
    this.#skips.note(this.noteUnreadable(unreadable));
    const fresh = record.noteDamaged(damaged);
    if (fresh.length > 0) {
      this.#unlessFull('damaged.csv', () => {
        folder.writeDamaged(record.damaged);
      });
    }
    this.#damages.note(fresh);
  }

  /** @returns those that had not been known */
  noteUnreadable(images: readonly UnreadableImage[]): UnreadableImage[] {
    const { record, folder } = this.#deps;
    const fresh = record.noteUnreadable(images);
    if (fresh.length > 0) {
      this.#unlessFull('unreadable.csv', () => {
        folder.writeUnreadable(record.unreadable);
      });
    }
    return fresh;
  }

  /** A list that a full disk does not take is written again with the next image, and at the end. */
  #unlessFull(name: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      const reason = `${name} is not written: ${messageOf(error)}`;
      this.#deps.logger.error('disk.full', { reason });
    }
  }
}
