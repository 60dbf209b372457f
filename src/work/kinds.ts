/** The kinds of work that there are: one line for each. */
import { protocolViolation } from '../errors.ts';
import { assign } from './assign.ts';
import { evaluate } from './evaluate.ts';
import { extract } from './extract.ts';
import { fillMemory } from './fill-memory.ts';
import type { Work, WorkKind } from './kind.ts';
import { kmeansStep } from './kmeans-step.ts';
import { moments } from './moments.ts';
import { project } from './project.ts';
import { sampleRows } from './sample-rows.ts';
import { solvePca } from './solve-pca.ts';
import { trainSlice } from './train-slice.ts';

/** By name. */
export type WorkKinds = ReadonlyMap<string, WorkKind>;

export const WORK_KINDS: WorkKinds = kindsOf([
  extract,
  moments,
  solvePca,
  project,
  sampleRows,
  kmeansStep,
  assign,
  fillMemory,
  trainSlice,
  evaluate,
]);

export function kindsOf(kinds: readonly WorkKind[]): WorkKinds {
  return new Map(kinds.map((kind) => [kind.name, kind]));
}

/** @throws TrainerError PROTOCOL_VIOLATION for a kind that is not known here */
export function kindNamed(name: string, kinds: WorkKinds = WORK_KINDS): WorkKind {
  const kind = kinds.get(name);
  if (kind !== undefined) return kind;
  const known = [...kinds.keys()].join(', ');
  throw protocolViolation(
    'kind of work',
    `one of ${known}`,
    name,
    'run the same release on every process',
  );
}

/** A name that is unique within the phase. */
export function taskKey(work: Work, kinds: WorkKinds = WORK_KINDS): string {
  return kindNamed(work.kind, kinds).key(work);
}
