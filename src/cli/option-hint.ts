/**
 * For a flag that is none, the setting that was most likely meant: settings are given with `--set`.
 */
import { configKeys } from '../config/keys.ts';
import { nearestName } from '../messages/nearest-name.ts';

/** Commands that take `--set`. */
const WITH_SETTINGS: readonly (string | undefined)[] = ['launch', 'coordinator', 'demo'];

/**
 * `; as a setting: --set epochs=…`, or nothing.
 * @param args of the command line
 * @param problem what is said of it
 */
export function settingHint(args: readonly string[], problem: string): string {
  // Where a flag of a similar name has been suggested, that is the one.
  const flag = /unknown option '--([\w.-]+)[^']*'$/.exec(problem)?.[1];
  if (flag === undefined || !WITH_SETTINGS.includes(args[0])) return '';
  const name = flag.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const key = nearestName(name, configKeys().keys());
  return key === undefined ? '' : `; as a setting: --set ${key}=…`;
}
