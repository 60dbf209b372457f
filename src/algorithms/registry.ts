/** The algorithms that there are: those of this program, and those that are registered besides. */
import type { FiguresByAlgorithm } from '../report/summary.ts';
import * as builtIn from './built-in.ts';
import type { AlgorithmSpec } from './spec.ts';

const algorithms: AlgorithmSpec[] = Object.values(builtIn);

/** Where a configuration names none. */
export const DEFAULT_ALGORITHM: AlgorithmSpec = builtIn.DEEPCLUSTER;

/**
 * Every process of a run must know the run's algorithm.
 * @throws Error where its name or a key is taken
 */
export function registerAlgorithm(spec: AlgorithmSpec): void {
  for (const other of algorithms) {
    const isTaken =
      other.name === spec.name ||
      (spec.settings !== null && other.settings?.key === spec.settings.key) ||
      (spec.figures !== null && other.figures?.key === spec.figures.key);
    if (isTaken) {
      throw new Error(`algorithm ${spec.name}: its name or a key of it is ${other.name}'s`);
    }
  }
  algorithms.push(spec);
}

/** Those of this program by their names, then in the order of their registration. */
export function allAlgorithms(): readonly AlgorithmSpec[] {
  return algorithms;
}

/** @param name as a checked configuration, or a summary of this release, has it */
export function algorithmNamed(name: string): AlgorithmSpec {
  const found = algorithms.find((spec) => spec.name === name);
  if (found === undefined) throw new Error(`algorithm ${name} is not registered in this process`);
  return found;
}

/** Columns of the sample memory's rows, where there is one. @param featureDim of the network */
export function memoryColumns(config: { readonly algorithm: string }, featureDim: number): number {
  return algorithmNamed(config.algorithm).crops(config) * featureDim;
}

/**
 * Whether each epoch has the phase: some algorithms cluster at the beginning of a run alone.
 * @param name of an algorithm; of one that is not registered here, nothing is known
 */
export function phaseRecurs(name: string, phase: string): boolean {
  const habit = algorithms.find((spec) => spec.name === name)?.clustering;
  return habit === undefined || habit.times === 'everyEpoch' || !habit.phases.includes(phase);
}

/** No figures yet, of any algorithm. */
export function noFigures(): FiguresByAlgorithm {
  return Object.fromEntries(
    algorithms.flatMap(({ figures }) => (figures === null ? [] : [[figures.key, null]])),
  );
}

/**
 * A value that depends on which algorithms there are: made when it is asked for, and once more
 * after a registration.
 */
export function composed<T>(compose: (specs: readonly AlgorithmSpec[]) => T): () => T {
  let made: { readonly count: number; readonly value: T } | null = null;
  return () => {
    if (made?.count !== algorithms.length) {
      made = { count: algorithms.length, value: compose(algorithms) };
    }
    return made.value;
  };
}
