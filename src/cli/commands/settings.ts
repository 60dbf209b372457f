/** `deepcluster settings`: the reference of all settings, of a section, or of one. */
import type { Command } from 'commander';
import { settingsReference, shownDefault, type SettingReference } from '../../config/reference.ts';
import { suggestedKey } from '../../config/suggestion.ts';
import { TrainerError } from '../../errors.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

export function addSettingsCommand(program: Command, terminal: Terminal): void {
  program
    .command('settings')
    .description('what can be set: defaults, values, and what each setting does')
    .argument('[key]', 'one setting, such as training.batchSize, or a section, such as training')
    .option('--json', 'print one JSON object')
    .action((key: string | undefined, { json }: { readonly json?: boolean }) => {
      const found = settingsOf(key);
      if (json === true) printJson(terminal, { settings: found });
      else printLines(terminal, linesOf(found, key, terminal.stdout.columns ?? COLUMNS));
    });
}

/** Where the output has no width of its own. */
const COLUMNS = 100;
const NARROWEST = 30;

/** @throws TrainerError CONFIG_INVALID for a name that no setting and no section has */
function settingsOf(key: string | undefined): SettingReference[] {
  const all = settingsReference();
  if (key === undefined) return all;
  const found = all.filter((setting) => setting.key === key || setting.key.startsWith(`${key}.`));
  if (found.length > 0) return found;
  const meant = suggestedKey(key);
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  const problem = `there is no setting and no section ${key}${hint}`;
  throw new TrainerError('CONFIG_INVALID', `${problem}; deepcluster settings lists all`, { key });
}

function linesOf(
  found: readonly SettingReference[],
  key: string | undefined,
  columns: number,
): string[] {
  const [only] = found;
  if (only !== undefined && only.key === key) return linesOfOne(only, columns);
  const width = Math.max(...found.map((setting) => setting.key.length));
  return found.flatMap((setting) => {
    const facts = [shownDefault(setting.default), valuesWithUnit(setting)];
    return [
      `${setting.key.padEnd(width)}  ${facts.join('  (')})`,
      ...wrapped(setting.description, columns - 4).map((line) => `    ${line}`),
    ];
  });
}

function linesOfOne(setting: SettingReference, columns: number): string[] {
  const { key, description, environment } = setting;
  const text = shownDefault(setting.default);
  const rows: [string, string][] = [
    ['default', text],
    ['values', valuesWithUnit(setting)],
    ['resume', setting.isResumable ? 'may change when a run is resumed' : 'must stay as it was'],
    ['given by', `--set ${key}=…, ${environment}=…, or in a file (--config)`],
  ];
  return [
    key,
    ...wrapped(description, columns),
    ...rows.map(([name, fact]) => `  ${name.padEnd(9)} ${fact}`),
  ];
}

function valuesWithUnit({ values, unit }: SettingReference): string {
  return unit === null ? values : `${values} [${unit}]`;
}

/** Broken between words, into lines of so many characters where that can be. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= Math.max(NARROWEST, columns) || line === '')
      lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
