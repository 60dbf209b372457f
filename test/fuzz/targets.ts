/** Everything that is fuzzed, and how many inputs each part gets. */
import type { FuzzTarget } from './engine.ts';
import { FILE_TARGETS } from './files.ts';
import { FRAME_TARGETS } from './frames.ts';
import { RAW_TARGET } from './raw-grpc.ts';
import { WORK_TARGET } from './work.ts';

export const TARGETS: readonly FuzzTarget[] = [
  ...FRAME_TARGETS,
  WORK_TARGET,
  RAW_TARGET,
  ...FILE_TARGETS,
];

/** A target's part of the inputs of its kind, by weight. */
export function inputsOf(
  target: FuzzTarget,
  wanted: Readonly<Record<FuzzTarget['kind'], number>>,
): number {
  const weights = TARGETS.filter(({ kind }) => kind === target.kind).map(({ weight }) => weight);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Math.ceil((wanted[target.kind] * target.weight) / total);
}
