/** A suggestion as settings of a run: rows for a person, and a file that `launch --config` takes. */
import { resolve } from 'node:path';
import type { PlannedSetting } from './plan.ts';
import type { Suggestion } from './suggest.ts';

/** All settings of a suggestion, in the order of a run's configuration. */
export function suggestedSettings(suggestion: Suggestion): PlannedSetting[] {
  const { plan, engine, resources, isMemoryGiven } = suggestion;
  const { workers, memoryBytes } = resources;
  const slices = plan.size.batchSize / plan.size.sliceSize;
  const shared = `a step has ${slices} slices`;
  const idle = workers > slices ? `: ${workers - slices} of them wait while others train` : '';
  return [
    ...plan.settings,
    { key: 'cluster.workers', value: workers, reason: `${shared}${idle}` },
    { key: 'cluster.engine', value: engine.name, reason: engine.reason },
    ...(isMemoryGiven
      ? [
          {
            key: 'cluster.memoryBudget',
            value: Math.floor(memoryBytes),
            reason: 'as given; a run that would take more does not start',
          },
        ]
      : []),
  ];
}

/** YAML that builds on the preset, each setting below its reason. @param data as it was given */
export function configFileText(suggestion: Suggestion, data: string): string {
  const { collection, plan } = suggestion;
  const { images, shorterSide } = collection;
  const lines = [
    `# By deepcluster suggest, for ${images} images with a shorter side of about ${shorterSide} px.`,
    '',
    `# ${plan.preset.reason}`,
    `preset: ${plan.preset.name}`,
    '',
  ];
  const settings = [
    ...suggestedSettings(suggestion),
    { key: 'data.source', value: resolve(data), reason: 'the images' },
  ];
  for (const [section, own] of grouped(settings)) {
    if (section !== '') lines.push(`${section}:`);
    const indent = section === '' ? '' : '  ';
    for (const { key, value, reason } of own) {
      lines.push(`${indent}# ${reason}`);
      // JSON is a part of YAML.
      lines.push(
        `${indent}${key.slice(section.length).replace('.', '')}: ${JSON.stringify(value)}`,
      );
    }
    lines.push('');
  }
  return lines.join('\n');
}

/** By section; those of none come first. */
function grouped(settings: readonly PlannedSetting[]): Map<string, PlannedSetting[]> {
  const sections = new Map<string, PlannedSetting[]>();
  for (const setting of settings) {
    const dot = setting.key.lastIndexOf('.');
    const section = dot < 0 ? '' : setting.key.slice(0, dot);
    sections.set(section, [...(sections.get(section) ?? []), setting]);
  }
  return sections;
}
