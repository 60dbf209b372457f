/**
 * Whether a run that is disturbed without end comes to what the undisturbed one comes to: a real local run, and the same one
 * with seeded SIGKILLs over all its processes. Compares losses, parameters and ledger, and measures every recovery.
 */
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { algorithmNamed } from '../../src/algorithms/registry.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import { describeMachine, type BenchReport } from '../bench.ts';
import { Field, type FieldCounts } from './chaos-field.ts';
import {
  Course,
  ROLES,
  epochsFor,
  lossDifference,
  planKills,
  quietEpoch,
  recoveredMs,
  recoveriesFrom,
  type ChaosShape,
  type DeliveredKill,
  type RecoveryTime,
  type Role,
  type RunEvent,
} from './chaos-plan.ts';
import { FollowedRun } from './followed-run.ts';
import { spreadOf, type Row } from '../rows.ts';
import {
  EventTail,
  ProcessTable,
  launchRun,
  lossesOf,
  summaryOf,
  type LiveProcess,
} from './run-process.ts';

export interface ChaosOptions {
  readonly kills: number;
  readonly seed: number;
  /** By name. */
  readonly algorithms: readonly string[];
  readonly workers: number;
  readonly servers: number;
  /** Images go away and come back all the time; left out: no. */
  readonly vanish?: boolean;
  /** Somebody starts the run a second time every now and then; left out: no. */
  readonly second?: boolean;
  /** Folder that keeps the runs; null: a temporary one, removed when all went well. */
  readonly out: string | null;
  readonly gpus: readonly string[];
  readonly onProgress: (text: string) => void;
}

export interface Recovery {
  readonly median: number;
  readonly max: number;
  readonly kills: number;
}

/** What the disturbed run of one algorithm came to. */
export interface ChaosOutcome {
  /** Delivered. */
  readonly kills: number;
  /** Largest relative difference of a step's loss from the undisturbed run's. */
  readonly lossDifference: number;
  /** Whether the parameters at the end are the same bytes. */
  readonly parametersEqual: boolean;
  /** Whether every planned draw took effect once. */
  readonly ledgerExact: boolean;
  /** By role of what was killed, where no other kill fell into the recovery; null where there was none. */
  readonly recoverySeconds: Readonly<Record<Role, Recovery | null>>;
  /** Of kills on top of each other, whatever their roles. */
  readonly overlappingSeconds: Recovery | null;
  /** Kills that the run ended too soon after. */
  readonly unrecovered: number;
}

export interface ChaosRun extends ChaosOutcome {
  readonly algorithm: string;
  readonly steps: number;
  readonly ledger: RunSummary['ledger'];
  readonly field: FieldCounts;
  readonly seconds: { readonly undisturbed: number; readonly disturbed: number };
}

/** `kills` is the number of each run; the other figures are the worst of all runs. */
export interface ChaosReport extends BenchReport {
  readonly chaos: ChaosOutcome & { readonly runs: readonly ChaosRun[] };
}

/** A recovery may take this long [s]. */
const LIMIT_SECONDS: Readonly<Record<Role, number>> = { worker: 5, server: 10, coordinator: 10 };

const IMAGES = { classes: 6, perClass: 24, size: 48, seed: 1 };
const BATCH = 24;
const STEPS_PER_EPOCH = (IMAGES.classes * IMAGES.perClass) / BATCH;
const POLL_MS = 3;

/** @throws Error when a run fails, or ends before all kills are delivered */
export async function benchChaos(options: ChaosOptions): Promise<ChaosReport> {
  const date = new Date().toISOString();
  const folder = options.out ?? (await mkdtemp(join(tmpdir(), 'deepcluster-chaos-')));
  const data = join(folder, 'images');
  await makeImages({ out: data, ...IMAGES });
  const measured: Measured[] = [];
  for (const algorithm of options.algorithms) {
    measured.push(await disturbOne(algorithm, folder, data, options));
  }
  if (options.out === null) await rm(folder, { recursive: true });
  const runs = measured.map(({ run }) => run);
  const all = measured.flatMap(({ times }) => times);
  return {
    machine: describeMachine(options.gpus),
    engine: {
      name: 'wasm',
      version: process.version,
      threads: 1,
      reason: 'on which every machine computes the same bits',
    },
    date,
    rows: measured.flatMap(({ run, times }) => rowsOf(run, times)),
    chaos: {
      kills: Math.min(...runs.map(({ kills }) => kills)),
      lossDifference: Math.max(...runs.map((run) => run.lossDifference)),
      parametersEqual: runs.every((run) => run.parametersEqual),
      ledgerExact: runs.every((run) => run.ledgerExact),
      recoverySeconds: recoveriesOf(all),
      overlappingSeconds: overlapsOf(all),
      unrecovered: runs.reduce((total, { unrecovered }) => total + unrecovered, 0),
      runs,
    },
  };
}

interface Measured {
  readonly run: ChaosRun;
  readonly times: readonly RecoveryTime[];
}

async function disturbOne(
  algorithm: string,
  folder: string,
  data: string,
  options: ChaosOptions,
): Promise<Measured> {
  const { kills, seed, workers, servers, onProgress } = options;
  const epochs = epochsFor(algorithm, kills);
  const config = join(folder, `${algorithm}.json`);
  const settings = smallRunConfig(algorithm, epochs, seed, options.vanish !== true);
  await writeFile(config, `${JSON.stringify(settings, null, 2)}\n`);
  const planOf = (name: string, images = data) => {
    const out = join(folder, `${algorithm}-${name}`);
    return { config, data: images, out, workers, servers };
  };
  onProgress(`${algorithm}: ${epochs * STEPS_PER_EPOCH} steps, undisturbed`);
  const undisturbed = planOf('undisturbed');
  const expected = await summaryOf(launchRun(undisturbed));
  const ownImages = join(folder, `${algorithm}-images`);
  await cp(data, ownImages, { recursive: true });
  const disturbed = planOf('disturbed', ownImages);
  const { vanish: vanishes = false, second: startsSecond = false } = options;
  const field = new Field({ data: ownImages, out: disturbed.out, seed, vanishes, startsSecond });
  const launched = new FollowedRun(launchRun(disturbed), field);
  const shape = { algorithm, kills, seed, epochs, stepsPerEpoch: STEPS_PER_EPOCH };
  const events = new EventTail(disturbed.out);
  const tell = (kill: DeliveredKill, i: number): void => {
    if (i === 0) field.begin();
    onProgress(`${algorithm}: kill ${i + 1} of ${kills}, ${kill.id} ${whenOf(kill)}`);
  };
  const [delivered, summary] = await deliver(shape, events, launched, tell)
    .finally(() => field.end())
    .then(async (all) => [all, await launched.summary()] as const)
    .finally(() => field.close());
  const all = new EventTail(disturbed.out).read();
  const times = recoveriesFrom(delivered, all);
  const run: ChaosRun = {
    algorithm,
    kills: delivered.length,
    steps: summary.steps,
    lossDifference: lossDifference(lossesOf(disturbed.out), lossesOf(undisturbed.out)),
    parametersEqual: (await parametersOf(disturbed.out)) === (await parametersOf(undisturbed.out)),
    ledgerExact: summary.ledger.committed === epochs * STEPS_PER_EPOCH * BATCH,
    field: field.counts,
    ledger: summary.ledger,
    recoverySeconds: recoveriesOf(times),
    overlappingSeconds: overlapsOf(times),
    unrecovered: times.filter(({ seconds }) => seconds === null).length,
    seconds: { undisturbed: expected.seconds, disturbed: wallSecondsOf(all) },
  };
  return { run, times };
}

/**
 * A small network, the same bits on every machine; a checkpoint every third step, and restarts
 * without end.
 * @param cachesImages false: each image is read each time, so that one that has gone is missed
 */
export function smallRunConfig(
  algorithm: string,
  epochs: number,
  seed: number,
  cachesImages = true,
): object {
  const own = algorithmNamed(algorithm).smallRun;
  return {
    ...own,
    algorithm,
    seed,
    epochs,
    data: {
      ...{ imageSize: 32, resizeRatio: 1, cropArea: [0.3, 1], shardSize: 12, loaderThreads: 0 },
      ...(cachesImages ? {} : { cacheBytes: 0 }),
    },
    model: {
      architecture: 'small-convnet',
      width: 4,
      featureDim: 32,
      ...own['model'],
    },
    clustering: { k: 8, pcaDim: 8, iterations: 5 },
    training: { batchSize: BATCH, sliceSize: 8 },
    evaluation: { enabled: false },
    checkpoint: { everySteps: 3 },
    cluster: { engine: 'wasm', heartbeatMs: 200, maxRestarts: 10_000 },
  };
}

/**
 * Kills as planned while the run goes on: each when its moment has come, and the run has recovered from those before, unless it
 * is to come on top of them. Where that takes so long that the run nears its end, nothing is waited for any more.
 * @returns the kills
 * @throws Error when the run ends before the last of them
 */
async function deliver(
  shape: ChaosShape,
  events: EventTail,
  launched: FollowedRun,
  tell: (kill: DeliveredKill, i: number) => void,
): Promise<DeliveredKill[]> {
  const plan = planKills(shape);
  const quiet = quietEpoch(shape.epochs);
  const end = { kind: 'step', epoch: quiet, step: quiet * shape.stepsPerEpoch } as const;
  const course = new Course();
  const processes = new ProcessTable(launched.pid);
  const delivered: DeliveredKill[] = [];
  /** Since the first kill that the run has not recovered from. */
  let recent: RunEvent[] = [];
  let open: DeliveredKill[] = [];
  const hasRecovered = (): boolean => {
    open = open.filter((kill) => recoveredMs(kill, recent) === null);
    if (open.length === 0) recent = [];
    return open.length === 0;
  };
  const follow = async (isReached: () => boolean): Promise<void> => {
    for (;;) {
      for (const event of events.read()) {
        course.take(event);
        processes.take(event);
        if (open.length > 0) recent.push(event);
      }
      if (isReached()) return;
      if (launched.hasEnded()) {
        if (await launched.goesOn()) {
          processes.moveTo(launched.pid);
          continue;
        }
        const { code, stderr } = await launched.ended;
        const story = `the run ended with exit code ${code} after ${delivered.length} of ${plan.length} kills`;
        throw new Error(`${story}: ${stderr.trimEnd().slice(-2000)}`);
      }
      await delay(POLL_MS);
    }
  };
  for (const { moment, isAtOnce, delayMs, role, choice } of plan) {
    await follow(() => course.hasCome(moment));
    if (!isAtOnce) await follow(() => hasRecovered() || course.hasCome(end));
    if (delayMs > 0) await delay(delayMs);
    for (;;) {
      await follow(() => processes.alive().length > 0);
      const target = chooseTarget(processes.alive(), role, choice);
      const atMs = Date.now();
      if (!processes.kill(target)) continue;
      const kill = { role: target.role, id: target.id, atMs, moment };
      open.push(kill);
      tell(kill, delivered.push(kill) - 1);
      break;
    }
  }
  return delivered;
}

function chooseTarget(alive: readonly LiveProcess[], role: Role, choice: number): LiveProcess {
  const inOrder = [role, ...ROLES.filter((other) => other !== role)];
  const groups = inOrder.map((name) => alive.filter((process) => process.role === name));
  const group = groups.find(({ length }) => length > 0)!;
  return group[Math.floor(choice * group.length)]!;
}

function whenOf({ moment }: DeliveredKill): string {
  const { epoch } = moment;
  if (moment.kind === 'phase') return `in ${moment.phase} of epoch ${epoch}`;
  return `after ${moment.kind === 'step' ? 'step' : 'the checkpoint of step'} ${moment.step}`;
}

/** Digest of the parameters of a run's newest checkpoint. */
async function parametersOf(out: string): Promise<string> {
  const folder = join(out, 'checkpoints');
  const latest = (await readFile(join(folder, 'LATEST'), 'utf8')).trim();
  const bytes = await readFile(join(folder, latest, 'parameters.safetensors'));
  return createHash('sha256').update(bytes).digest('hex');
}

function wallSecondsOf(events: readonly RunEvent[]): number {
  return (Date.parse(events.at(-1)!.ts) - Date.parse(events[0]!.ts)) / 1000;
}

function secondsOf(
  times: readonly RecoveryTime[],
  isMeant: (time: RecoveryTime) => boolean,
): number[] {
  return times.flatMap((time) => (isMeant(time) && time.seconds !== null ? [time.seconds] : []));
}

function aloneOf(times: readonly RecoveryTime[], role: Role): number[] {
  return secondsOf(times, (time) => time.role === role && time.isAlone);
}

function overlapsOf(times: readonly RecoveryTime[]): Recovery | null {
  return recoveryOf(secondsOf(times, ({ isAlone }) => !isAlone));
}

function recoveryOf(seconds: readonly number[]): Recovery | null {
  if (seconds.length === 0) return null;
  const { median, max, runs } = spreadOf(seconds);
  return { median, max, kills: runs };
}

function recoveriesOf(times: readonly RecoveryTime[]): Record<Role, Recovery | null> {
  const of = (role: Role): Recovery | null => recoveryOf(aloneOf(times, role));
  return { worker: of('worker'), server: of('server'), coordinator: of('coordinator') };
}

/** One row a role; the limit is for the longest recovery. */
function rowsOf({ algorithm }: ChaosRun, times: readonly RecoveryTime[]): Row[] {
  return ROLES.flatMap((role): Row[] => {
    const seconds = aloneOf(times, role);
    if (seconds.length === 0) return [];
    const ours = spreadOf(seconds);
    const value = LIMIT_SECONDS[role];
    return [
      {
        name: `chaos/${algorithm}/${role}-recovery`,
        unit: 's',
        ours,
        limit: { name: 'budget', value },
        shareOfLimit: ours.max / value,
      },
    ];
  });
}
