/** Compared runs for the terminal and as JSON. */
import {
  comparedFigures,
  differentSettings,
  type Comparison,
} from '../report/compare/comparison.ts';

export function comparisonLines(comparison: Comparison): string[] {
  const { runs, agreement } = comparison;
  const names = runs.map(({ name }) => name);
  const figures = comparedFigures(comparison).map(({ name, values, best, format }) => [
    name,
    ...values.map((value, i) =>
      value === null ? '–' : `${format(value)}${i === best ? ' *' : ''}`,
    ),
  ]);
  const settings = differentSettings(runs).map(({ key, values }) => [key, ...values]);
  const nmi = agreement.map((row, i) => [
    `NMI with ${names[i]!}`,
    ...row.map((value) => value?.toFixed(3) ?? '–'),
  ]);
  const methods = runs.map(({ summary }) => `${summary.algorithm}, ${summary.architecture}`);
  return aligned([['', ...names], ['Method', ...methods], ...figures, ...nmi, ...settings]);
}

export function comparisonJson(comparison: Comparison): unknown {
  const figures = comparedFigures(comparison);
  return {
    runs: comparison.runs.map(({ name, folder, summary }, i) => ({
      ...{ name, folder, runId: summary.runId, algorithm: summary.algorithm },
      architecture: summary.architecture,
      figures: Object.fromEntries(figures.map(({ key, values }) => [key, values[i]])),
    })),
    agreement: comparison.agreement,
    settings: differentSettings(comparison.runs),
  };
}

/** Columns as wide as their longest cell; no blanks at the end of a line. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
