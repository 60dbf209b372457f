/**
 * How a step's slices are divided into units, each of which one worker computes and pushes once.
 * Units decide who waits for whom and how often the wire is used, never a bit (slice-tree.ts).
 */
import { protocolViolation } from '../errors.ts';
import { isNode, nodeWidth, type SliceUnit } from './slice-tree.ts';

/**
 * Slices of a unit: as many as a step can have without taking longer, where every slice takes a
 * worker the same time.
 * @param slices of the step, at least one
 * @param workers that take units, at least one
 * @returns a power of two
 */
export function unitWidth(slices: number, workers: number): number {
  let [best, least] = [1, rounds(slices, 1, workers)];
  for (let width = 2; width <= nodeWidth(slices); width *= 2) {
    const taken = rounds(slices, width, workers);
    if (taken <= least) [best, least] = [width, taken];
  }
  return best;
}

/** Slices that the busiest worker computes one after the other. */
function rounds(slices: number, width: number, workers: number): number {
  const units = Math.ceil(slices / width);
  const full = Math.ceil(units / workers);
  // The last unit may have fewer slices, which is of use where it has the last round to itself.
  const isLastAlone = units % workers === 1 || workers === 1;
  const last = slices - (units - 1) * width;
  return isLastAlone ? (full - 1) * width + last : full * width;
}

/**
 * The units of a step, in slice order; together they have every slice once. One without a sample
 * would be nobody's work: a node with a half of such slices alone is one unit, however wide.
 * @param samples of each slice; together more than 0
 * @param width as {@link unitWidth} has it
 */
export function unitsOf(samples: readonly number[], width: number): SliceUnit[] {
  const { length: stepSlices } = samples;
  const isEmpty = (begin: number, end: number): boolean =>
    samples.slice(begin, end).every((count) => count === 0);
  const divide = (begin: number, room: number): SliceUnit[] => {
    const end = Math.min(begin + room, stepSlices);
    const middle = begin + room / 2;
    if (middle >= stepSlices && room > 1) return divide(begin, room / 2);
    if (room <= width || isEmpty(begin, middle) || isEmpty(middle, end)) {
      return [{ slice: begin, slices: end - begin }];
    }
    return [...divide(begin, room / 2), ...divide(middle, room / 2)];
  };
  return divide(0, nodeWidth(stepSlices));
}

/** A unit as its push says it: of a step of so many slices. */
export interface UnitOfStep extends SliceUnit {
  readonly stepSlices: number;
}

/**
 * @param units in slice order, at least one
 * @throws TrainerError PROTOCOL_VIOLATION unless every slice of the step is in exactly one of them
 */
export function requireTiling(step: number, units: readonly UnitOfStep[]): void {
  const stepSlices = units[0]?.stepSlices ?? 0;
  let next = 0;
  for (const unit of units) {
    const isNext = unit.slice === next && unit.stepSlices === stepSlices;
    if (!isNext || !isNode(unit, stepSlices)) throw notTiled(step, stepSlices, units);
    next += unit.slices;
  }
  if (next !== stepSlices) throw notTiled(step, stepSlices, units);
}

function notTiled(step: number, stepSlices: number, units: readonly UnitOfStep[]): Error {
  const got = units.map((unit) => {
    const last = unit.slice + unit.slices - 1;
    const range = last > unit.slice ? `${unit.slice} to ${last}` : `${unit.slice}`;
    return unit.stepSlices === stepSlices ? range : `${range} of ${unit.stepSlices}`;
  });
  return protocolViolation(
    `units of step ${step}`,
    `each of its ${stepSlices} slices in one of them`,
    `slices ${got.join('; ')}`,
    'run the same release on every process',
  );
}
