/**
 * For a flag that is none, the setting that was most likely meant: settings are given with `--set`.
 */
import { suggestedKey } from '../config/suggestion.ts';
import { shellWord } from '../messages/command-line.ts';

/** Commands that take `--set`. */
const WITH_SETTINGS: readonly (string | undefined)[] = ['launch', 'coordinator', 'demo'];

/**
 * `; as a setting: --set epochs=3`, or nothing.
 * @param args of the command line
 * @param problem what is said of it
 */
export function settingHint(args: readonly string[], problem: string): string {
  // Where a flag of a similar name has been suggested, that is the one.
  const given = /unknown option '--([^']*)'$/.exec(problem)?.[1];
  if (given === undefined || !WITH_SETTINGS.includes(args[0])) return '';
  const [flag = '', ...values] = given.split('=');
  const key = suggestedKey(flag);
  if (key === undefined) return '';
  const value = values.length > 0 ? values.join('=') : valueAfter(args, `--${flag}`);
  return `; as a setting: --set ${value === undefined ? `${key}=…` : shellWord(`${key}=${value}`)}`;
}

/** The word that follows a flag, unless it is one itself. */
function valueAfter(args: readonly string[], flag: string): string | undefined {
  const next = args[args.indexOf(flag) + 1];
  return next === undefined || /^-\D/.test(next) ? undefined : next;
}
