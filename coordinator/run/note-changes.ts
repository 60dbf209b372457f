/**
 * Settings that were changed when the run was resumed: in its record, which the checkpoints keep,
 * in events.jsonl and on the terminal. A coordinator that starts again finds them in the newest
 * checkpoint; where that is the one from before the change, it makes the change again, at the same
 * step, and events.jsonl has it once.
 */
import type { SettingChange } from '../../src/config/resumable-settings.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';

export interface NoteChangesDeps {
  readonly record: RunRecord;
  readonly folder: RunFolder;
  readonly notify: (notice: Notice) => void;
}

export function noteChanges(
  changes: readonly SettingChange[],
  { record, folder, notify }: NoteChangesDeps,
): void {
  for (const change of changes) {
    const { step, key, from, to } = change;
    const reason = `${key} is ${JSON.stringify(to)} from step ${step} on, was ${JSON.stringify(from)}`;
    record.noteSettingChange(change);
    const isNew = folder.eventOnce('settings.changed', reason, { step, key, from, to });
    if (isNew) notify({ type: 'remark', text: reason });
  }
}
