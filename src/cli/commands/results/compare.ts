/** `deepcluster compare`: several finished runs side by side, in the terminal and as a page. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { TrainerError, messageOf } from '../../../errors.ts';
import type { Comparison } from '../../../report/compare/comparison.ts';
import { comparisonJson, comparisonLines } from '../../comparison-table.ts';
import { printJson, printLines, type Terminal } from '../../terminal.ts';

interface CompareOptions {
  readonly out?: string;
  readonly json?: boolean;
}

export function addCompareCommand(program: Command, terminal: Terminal): void {
  program
    .command('compare')
    .description('finished runs side by side: figures, settings that differ, agreement of clusters')
    .argument('<dirs...>', "the runs' folders, two or more")
    .option('--out <file>', 'write a page with their curves, too')
    .option('--json', 'print one JSON object')
    .action((folders: string[], options: CompareOptions) => compare(folders, options, terminal));
}

async function compare(
  folders: readonly string[],
  { out = null, json }: { readonly out?: string | null; readonly json?: boolean },
  terminal: Terminal,
): Promise<void> {
  if (folders.length < 2) {
    throw new TrainerError('CONFIG_INVALID', 'compare: expected two runs or more, got one', {});
  }
  const { compareRuns } = await import('../../../run/compare/compare-runs.ts');
  const comparison = await compareRuns(folders, out);
  if (out !== null) await writePage(out, comparison);
  if (json === true) printJson(terminal, comparisonJson(comparison));
  else printLines(terminal, [...comparisonLines(comparison), ...(out === null ? [] : [out])]);
}

async function writePage(out: string, comparison: Comparison): Promise<void> {
  const { renderComparison } = await import('../../../report/compare/compare-page.ts');
  try {
    writeFileSync(out, renderComparison(comparison, new Date().toISOString()));
  } catch (error) {
    throw new TrainerError(
      'CONFIG_INVALID',
      `--out ${out}: cannot be written (${messageOf(error)})`,
      {},
    );
  }
}
