/** Whether a run may go on from a checkpoint with the settings, images and network of today. */
import {
  changesOf,
  requireEpochs,
  type SettingChange,
} from '../../src/config/resumable-settings.ts';
import { protocolViolation } from '../../src/errors.ts';
import { layoutHash } from '../../src/ps/layout.ts';
import type { RunSnapshot } from '../../src/run/checkpoint-content.ts';

/**
 * @returns the settings that the resumed run changes
 * @throws TrainerError CONFIG_INVALID for a change that may not be, PROTOCOL_VIOLATION for other
 *   images or another network
 */
export function requireResumable(
  { config, position, parameters, dataDigest, layout }: RunSnapshot,
  now: Pick<RunSnapshot, 'config' | 'layout'> & { readonly source: { readonly digest: string } },
): SettingChange[] {
  const changes = changesOf(config, now.config, parameters.version);
  requireEpochs(
    now.config.epochs,
    position.stage === 'train' ? position.epoch + 1 : position.epoch,
  );
  for (const [what, saved, got, remedy] of [
    ['data digest', dataDigest, now.source.digest, 'the images that the run began with'],
    ['parameter layout', layoutHash(layout), layoutHash(now.layout), 'the release that began it'],
  ] as const) {
    if (saved === got) continue;
    throw protocolViolation(what, saved.slice(0, 12), got.slice(0, 12), `resume with ${remedy}`);
  }
  return changes;
}
