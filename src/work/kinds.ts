/** The kinds of work by name: those of built-in.ts, and those that a test brings. */
import { protocolViolation } from '../errors.ts';
import * as builtIn from './built-in.ts';
import type { Work, WorkKind } from './kind.ts';

/** By name. */
export type WorkKinds = ReadonlyMap<string, WorkKind>;

export const WORK_KINDS: WorkKinds = kindsOf(Object.values(builtIn));

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
