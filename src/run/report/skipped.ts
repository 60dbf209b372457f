/** Images that a run went without, for its report. */
import type { SkippedImages } from '../../report/report-data.ts';
import type { RecordState } from '../record-state.ts';

/** Left out where all images were read whole. */
export function skippedOf({ unreadable, damaged }: Pick<RecordState, 'unreadable' | 'damaged'>): {
  readonly skipped?: SkippedImages;
} {
  return unreadable.length + damaged.length === 0 ? {} : { skipped: { unreadable, damaged } };
}
