/** Whether enough images can be read, and whole, for a clustering to mean something. */
import type { RunConfig } from '../../src/config/schema.ts';
import { configInvalid, dataUnreadable } from '../../src/errors.ts';

export interface ImageCounts {
  readonly total: number;
  readonly readable: number;
  /** Of the readable ones, those of which only a part could be decoded. */
  readonly damaged: number;
}

/** @throws TrainerError DATA_UNREADABLE, or CONFIG_INVALID where there are fewer than clusters */
export function requireEnough(
  { total, readable, damaged }: ImageCounts,
  { data, clustering }: Pick<RunConfig, 'data' | 'clustering'>,
): void {
  const unreadable = total - readable;
  const source = data.source ?? '';
  if (unreadable > data.maxUnreadableFraction * total) {
    throw dataUnreadable(
      source,
      `${unreadable} of ${total} images cannot be read, more than data.maxUnreadableFraction (${data.maxUnreadableFraction}) allows`,
      'see unreadable.csv in the run folder',
    );
  }
  if (damaged > data.maxDamagedFraction * total) {
    throw dataUnreadable(
      source,
      `${damaged} of ${total} images are damaged, more than data.maxDamagedFraction (${data.maxDamagedFraction}) allows`,
      'mend those that damaged.csv in the run folder lists and begin again, or resume with --set data.maxDamagedFraction=1',
    );
  }
  if (readable < clustering.k) {
    throw configInvalid(
      'clustering.k',
      `must not exceed the number of readable images (${readable})`,
      clustering.k,
    );
  }
}
