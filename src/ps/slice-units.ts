/**
 * How a step's slices are divided into units, each of which one worker computes and pushes once.
 * Units decide who waits for whom and how often the wire is used, never a bit (slice-tree.ts).
 */
import { protocolViolation } from '../errors.ts';
import { isNode, nodeWidth, type SliceUnit } from './slice-tree.ts';

/**
 * The units of a step: as few as can be without it taking longer than slices by themselves would,
 * where every slice takes a worker the same time. Each worker has room for its even share; a node
 * that has room with somebody is a unit, from the widest nodes down, and others are halved.
 * @param samples of each slice; a slice without any is no work, and is part of a unit with others
 * @param workers that take units, at least one
 * @returns the widest first; together they have every slice once, or there is none without a sample
 */
export function unitsOf(samples: readonly number[], workers: number): SliceUnit[] {
  const { length: stepSlices } = samples;
  const work = (begin: number, end: number): number =>
    samples.slice(begin, end).filter((count) => count > 0).length;
  const all = work(0, stepSlices);
  const takers = Math.min(workers, Math.max(1, all));
  const room = new Array<number>(takers).fill(Math.ceil(all / takers));
  const units: SliceUnit[] = [];
  let nodes = all === 0 ? [] : [0];
  for (let width = nodeWidth(stepSlices); nodes.length > 0; width /= 2) {
    const halves: number[] = [];
    for (const slice of nodes) {
      const middle = slice + width / 2;
      const end = Math.min(slice + width, stepSlices);
      const size = work(slice, end);
      const most = Math.max(...room);
      const first = work(slice, middle);
      // A half without a sample would be nobody's: the node stays whole.
      const isHalved = width > 1 && (middle >= end || (first > 0 && first < size));
      if (size > most && isHalved) {
        halves.push(...(middle < end ? [slice, middle] : [slice]));
      } else {
        room[room.indexOf(most)] = most - size;
        units.push({ slice, slices: end - slice });
      }
    }
    nodes = halves;
  }
  return units;
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
