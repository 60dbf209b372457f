/**
 * The plan of a disturbed run, and what came of it: which process is killed when, drawn from a seed; how long the run took to
 * recover from each kill; how far its losses are from those of the undisturbed run. Pure: events come as data.
 */
import { algorithmNamed } from '../../src/algorithms/registry.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';

export type Role = 'worker' | 'server' | 'coordinator';
export const ROLES: readonly Role[] = ['worker', 'server', 'coordinator'];

/** A line of events.jsonl. */
export interface RunEvent {
  readonly ts: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A place in the course of a run: a phase has been entered, a step committed, the checkpoint of a step written. */
export type Moment =
  | { readonly kind: 'phase'; readonly epoch: number; readonly phase: string }
  | { readonly kind: 'step' | 'checkpoint'; readonly epoch: number; readonly step: number };

export interface PlannedKill {
  readonly moment: Moment;
  /** Comes on top of the one before; any other waits until the run has recovered. */
  readonly isAtOnce: boolean;
  /** After the moment [ms], so that kills fall into the midst of what it began. */
  readonly delayMs: number;
  /** Preferred; where none of its processes is alive, another's is taken. */
  readonly role: Role;
  /** Chooses among the processes of the role, [0, 1). */
  readonly choice: number;
}

export interface ChaosShape {
  readonly algorithm: string;
  readonly kills: number;
  readonly seed: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

/**
 * Epochs of a run that is to take so many kills, with an undisturbed end in which the last ones recover. While a worker comes
 * back the others go on: by two epochs with their clusterings or, without, by more.
 */
export function epochsFor(algorithm: string, kills: number): number {
  return (
    (algorithmNamed(algorithm).clustering.times === 'everyEpoch' ? 2 : 3) * kills + QUIET_EPOCHS
  );
}

/** First epoch of the undisturbed end. */
export function quietEpoch(epochs: number): number {
  return Math.max(1, epochs - QUIET_EPOCHS);
}

const QUIET_EPOCHS = 12;
const LONGEST_DELAY_MS = 60;
/** Share of kills that come together with the one before. */
const AT_ONCE = 1 / 5;
/** Share of kills in the clustering of an epoch that has one. */
const IN_CLUSTERING = 0.4;
/** Where there is only one clustering, so many of the kills meet it. */
const IN_ONLY_CLUSTERING = 1 / 12;

/** Kills in the order of their moments, spread over the run up to its quiet end. */
export function planKills(shape: ChaosShape): PlannedKill[] {
  const rng = seededRng(shape.seed, 'chaos', shape.algorithm);
  const plan: PlannedKill[] = [];
  for (let i = 0; i < shape.kills; i += 1) {
    const before = plan.at(-1);
    const isAtOnce = before !== undefined && rng.float() < AT_ONCE;
    plan.push({
      moment: isAtOnce ? before.moment : drawMoment(i, shape, rng),
      isAtOnce,
      delayMs: isAtOnce ? 0 : Math.floor(rng.float() * LONGEST_DELAY_MS),
      role: ROLES[rng.integer(ROLES.length)]!,
      choice: rng.float(),
    });
  }
  return plan.toSorted((a, b) => orderOf(a.moment) - orderOf(b.moment));
}

function drawMoment(i: number, shape: ChaosShape, rng: Rng): Moment {
  const { algorithm, kills, epochs, stepsPerEpoch } = shape;
  const { times, phases } = algorithmNamed(algorithm).clustering;
  const isOnce = times === 'once';
  const clusters = times === 'everyEpoch' || (isOnce && i < kills * IN_ONLY_CLUSTERING);
  const epoch = isOnce && clusters ? 0 : Math.floor(((i + 0.5) / kills) * quietEpoch(epochs));
  const share = isOnce ? 1 : IN_CLUSTERING;
  if (clusters && rng.float() < share) {
    return { kind: 'phase', epoch, phase: phases[rng.integer(phases.length)]! };
  }
  const step = epoch * stepsPerEpoch + rng.integer(stepsPerEpoch);
  return { kind: rng.float() < 0.25 ? 'checkpoint' : 'step', epoch, step };
}

const EPOCH_SPAN = 1e6;
const TRAIN = 100;

/** Position on the course of the run: later moments have greater ones. */
function orderOf(moment: Moment): number {
  const { epoch } = moment;
  if (moment.kind !== 'phase') return epoch * EPOCH_SPAN + TRAIN + moment.step;
  const place = moment.phase === 'train' ? TRAIN - 1 : PHASE_ORDER.indexOf(moment.phase);
  return epoch * EPOCH_SPAN + place;
}

/** Of all clusterings: each algorithm has some of them. */
const PHASE_ORDER = [
  'extract',
  'moments',
  'pca',
  'project',
  'sampleRows',
  'kmeans',
  'assign',
  'memory',
];

/** How far a run has ever come; it may have gone back to a checkpoint since. */
export class Course {
  #order = -1;
  /** Steps of the newest checkpoint. */
  #checkpointed = -1;

  take(event: RunEvent): void {
    const { epoch, phase, step } = event;
    if (event.event === 'phase.entered' && PHASE_ORDER.includes(phase as string)) {
      this.#reach({ kind: 'phase', epoch: epoch as number, phase: phase as string });
    } else if (event.event === 'step.committed') {
      this.#reach({ kind: 'step', epoch: epoch as number, step: step as number });
    } else if (event.event === 'checkpoint.written') {
      this.#checkpointed = Math.max(this.#checkpointed, step as number);
    }
  }

  /** Whether the run has come to the moment, or past it. */
  hasCome(moment: Moment): boolean {
    const order = orderOf(moment);
    if (moment.kind !== 'checkpoint') return this.#order >= order;
    // A checkpoint is counted by the steps in it; it may be the last one's, or be skipped.
    return this.#checkpointed > moment.step || this.#order > order + 2;
  }

  #reach(moment: Moment): void {
    this.#order = Math.max(this.#order, orderOf(moment));
  }
}

/** A process that was killed. */
export interface DeliveredKill {
  readonly role: Role;
  readonly id: string;
  /** By the clock that events are stamped with [ms]. */
  readonly atMs: number;
  readonly moment: Moment;
}

/**
 * When the run was whole again [ms]: the same worker has joined, or a new term begun where what died ends terms, and then a step
 * or a phase was completed.
 * @returns null where the events end before
 */
export function recoveredMs(kill: DeliveredKill, events: readonly RunEvent[]): number | null {
  const isBack = ({ event, workerId }: RunEvent): boolean =>
    kill.role === 'worker'
      ? event === 'worker.joined' && workerId === kill.id
      : event === 'term.begun';
  const back = events.findIndex((event) => timeOf(event) > kill.atMs && isBack(event));
  if (back < 0) return null;
  // The first phase that a term enters completes nothing.
  let isFirst = kill.role !== 'worker';
  for (const event of events.slice(back + 1)) {
    if (event.event === 'term.begun') isFirst = true;
    if (event.event === 'step.committed' || (event.event === 'phase.entered' && !isFirst)) {
      return timeOf(event);
    }
    if (event.event === 'phase.entered') isFirst = false;
  }
  return null;
}

/** How the run came back from one kill. */
export interface RecoveryTime {
  readonly role: Role;
  /** Null where the run ended before. */
  readonly seconds: number | null;
  /** Whether no other kill fell into it, or it into another's. */
  readonly isAlone: boolean;
}

/** The recoveries from all kills of a run, in their order. */
export function recoveriesFrom(
  kills: readonly DeliveredKill[],
  events: readonly RunEvent[],
): RecoveryTime[] {
  const ends = kills.map((kill) => recoveredMs(kill, events) ?? Infinity);
  return kills.map((kill, i) => {
    const end = ends[i]!;
    const isAlone = kills.every((other, j) => j === i || other.atMs > end || ends[j]! < kill.atMs);
    const seconds = end === Infinity ? null : (end - kill.atMs) / 1000;
    return { role: kill.role, seconds, isAlone };
  });
}

function timeOf({ ts }: RunEvent): number {
  return Date.parse(ts);
}

/** The largest relative difference of two loss series; infinite where their lengths differ. */
export function lossDifference(ours: readonly number[], undisturbed: readonly number[]): number {
  if (ours.length !== undisturbed.length) return Infinity;
  return ours.reduce((largest, loss, i) => {
    const expected = undisturbed[i]!;
    if (Object.is(loss, expected)) return largest;
    return Math.max(largest, Math.abs(loss - expected) / Math.abs(expected));
  }, 0);
}
