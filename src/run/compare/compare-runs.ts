/** Opens finished runs to be compared: no images are read, and no network is loaded. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { normalizedMutualInformation } from '../../clustering/agreement.ts';
import type { Comparison, ComparedRun } from '../../report/compare/comparison.ts';
import { openFinishedRun, type FinishedRun } from '../report/finished-run.ts';

/**
 * @param page where the comparison will lie, for links to the runs' own pages
 * @throws TrainerError as {@link openFinishedRun}
 */
export async function compareRuns(
  folders: readonly string[],
  page: string | null,
): Promise<Comparison> {
  const finished: FinishedRun[] = [];
  for (const folder of folders) finished.push(await openFinishedRun(folder));
  const names = shortNames(folders);
  return {
    runs: finished.map((run, i) => comparedRun(run, names[i]!, page)),
    agreement: agreementOf(finished),
  };
}

/** The same from either side, to the last bit. */
function agreementOf(finished: readonly FinishedRun[]): (number | null)[][] {
  const nmi = (i: number, j: number): number | null => {
    const [a, b] = [finished[i]!.run, finished[j]!.run];
    if (a.images.digest !== b.images.digest) return null;
    return normalizedMutualInformation(a.clusters, b.clusters);
  };
  return finished.map((_, i) => finished.map((_, j) => nmi(Math.min(i, j), Math.max(i, j))));
}

function comparedRun(
  { run, summary, record }: FinishedRun,
  name: string,
  page: string | null,
): ComparedRun {
  const report = join(run.path, 'report.html');
  return {
    ...{ name, summary, folder: run.path, epochs: record.epochs, lossByStep: record.losses },
    report: page !== null && existsSync(report) ? linkTo(report, page) : null,
    settings: new Map(flatSettings(run.config)),
  };
}

/** A relative address, also of names that an address must write otherwise. */
function linkTo(file: string, page: string): string {
  const path = relative(dirname(resolve(page)), resolve(file));
  return path.split(sep).map(encodeURIComponent).join('/');
}

/** The ends of paths, as many folders as it takes to tell all apart. */
export function shortNames(folders: readonly string[]): string[] {
  const paths = folders.map((folder) => resolve(folder).split(sep));
  const longest = Math.max(...paths.map(({ length }) => length));
  for (let parts = 1; parts <= longest; parts += 1) {
    const names = paths.map((path) => path.slice(-parts).join('/'));
    if (new Set(names).size === names.length) return names;
  }
  return folders.map((folder, i) => `${basename(resolve(folder))} (${i + 1})`);
}

function flatSettings(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? flatSettings(inner, `${prefix}${name}.`)
      : [[`${prefix}${name}`, inner]],
  );
}
