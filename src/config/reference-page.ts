/** docs/settings.md: the reference of all settings as a page. `npm run settings` writes it. */
import { settingsReference, shownDefault, type SettingReference } from './reference.ts';

const INTRODUCTION = `# Settings

All settings of a run, as the program checks them; \`npx deepcluster settings\` prints the same, \`npx deepcluster settings KEY\` one
of them or a section. This page is written from the schemas by \`npm run settings\`.

A setting is given in a YAML or JSON file (\`--config\`), in the environment, or as \`--set key=value\`; what comes later here goes over
what came before, and all of them over a \`--preset\`. The name in the environment is the key in capitals, with \`DC_\` before it, two
underscores between parts and one before each capital: \`training.batchSize\` is \`DC_TRAINING__BATCH_SIZE\`. Those with "yes" under
_resume_ may change when a run is resumed; the run records it.
`;

/** In Markdown, not yet formatted. */
export function settingsPage(): string {
  const sections = new Map<string, SettingReference[]>();
  for (const setting of settingsReference()) {
    const name = setting.key.includes('.') ? setting.key.split('.')[0]! : '';
    sections.set(name, [...(sections.get(name) ?? []), setting]);
  }
  const parts = [...sections].map(([name, settings]) => {
    const title = name === '' ? 'The run' : `\`${name}\``;
    return `## ${title}\n\n${HEAD}\n${settings.map(rowOf).join('\n')}\n`;
  });
  return [INTRODUCTION, ...parts].join('\n');
}

const HEAD = `| setting | default | values | resume | what it does |\n| --- | --- | --- | --- | --- |`;

function rowOf(setting: SettingReference): string {
  const { key, description, values, unit } = setting;
  const cells = [
    `\`${key}\``,
    `\`${shownDefault(setting.default)}\``,
    unit === null ? values : `${values} [${unit}]`,
    setting.isResumable ? 'yes' : 'no',
    description,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}
