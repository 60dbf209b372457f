/**
 * A long run with faults: kills a worker or a server every so often, and watches those that are spared, which see all of it:
 * launcher, coordinator, first server and first worker. A leak shows as resident memory that grows after warm-up, and as a map
 * that holds ever more (collection-census.mjs). A step that is computed again after a loss must come to the loss it had.
 *
 *   node --import tsx bench/chaos/chaos-soak.ts [--minutes 120] [--every 20] [--seed 31] [--algorithm deepcluster|odc]
 */
import { readFileSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeImages } from '../../src/data/made/made-images.ts';
import { EXIT } from '../../src/errors.ts';
import { seededRng } from '../../src/math/rng.ts';
import type { RunEvent } from './chaos-plan.ts';
import { smallRunConfig } from './chaos.ts';
import { spreadOf } from '../rows.ts';
import { EventTail, ProcessTable, launchRun } from './run-process.ts';

const SPARED = ['coordinator', 'server-0', 'worker-0'];
const SAMPLE_MS = 1_000;
/** Share of the time after which nothing new should be needed. */
const WARM_UP = 1 / 3;
/** Each throws away garbage that a process of small steps keeps for minutes: few, so that resident memory is what it is without. */
const CENSUSES = 12;
/** Longer than anyone waits. */
const EPOCHS = 1_000_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '120' },
    every: { type: 'string', default: '20' },
    seed: { type: 'string', default: '31' },
    algorithm: { type: 'string', default: 'deepcluster' },
  },
});
const [minutes, every, seed] = [values.minutes, values.every, values.seed].map(Number) as [
  number,
  number,
  number,
];
const rng = seededRng(seed, 'chaos-soak');
const folder = await mkdtemp(join(tmpdir(), 'deepcluster-soak-'));
const data = join(folder, 'images');
const config = join(folder, 'config.json');
const out = join(folder, 'run');
const censuses = join(folder, 'census');
await mkdir(censuses);
// Epochs of sixty steps: the record of each epoch is kept for the report, and is no leak.
await makeImages({ out: data, classes: 6, perClass: 240, size: 48, seed: 1 });
await writeFile(config, JSON.stringify(smallRunConfig(values.algorithm, EPOCHS, seed)));

const preload = new URL('collection-census.mjs', import.meta.url).href;
const env = {
  COLLECTION_CENSUS: censuses,
  COLLECTION_CENSUS_MS: String((minutes * 60_000) / CENSUSES),
  NODE_OPTIONS: `--import ${preload}`,
};
const launched = launchRun({ config, data, out, workers: 3, servers: 2, env });
const tail = new EventTail(out);
const processes = new ProcessTable(launched.process.pid!);
/** [MiB] by process, one a sample. */
const memory = new Map<string, number[]>();
const pids = new Map<string, number>();
const losses = new Map<number, number>();
const counts = { steps: 0, repeated: 0, differing: 0, kills: 0, terms: 0, fenced: 0 };
const startMs = performance.now();
const endMs = startMs + minutes * 60_000;
let dueMs = startMs + every * 1000;

function take({ event, step, loss }: RunEvent): void {
  if (event === 'term.begun') counts.terms += 1;
  if (event === 'push.fenced') counts.fenced += 1;
  if (event !== 'step.committed') return;
  const before = losses.get(step as number);
  if (before === undefined) counts.steps += 1;
  else counts.repeated += 1;
  if (before !== undefined && before !== loss) counts.differing += 1;
  losses.set(step as number, loss as number);
}

function residentMiB(pid: number): number | null {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kib === undefined ? null : Number(kib) / 1024;
  } catch {
    return null;
  }
}

function sample(id: string, pid: number): void {
  pids.set(id, pid);
  const mib = residentMiB(pid);
  if (mib !== null) memory.set(id, [...(memory.get(id) ?? []), mib]);
}

while (performance.now() < endMs && !launched.hasEnded()) {
  for (const event of tail.read()) {
    take(event);
    processes.take(event);
  }
  const alive = processes.alive();
  sample('launcher', launched.process.pid!);
  for (const { id, pid } of alive) if (SPARED.includes(id)) sample(id, pid);
  const targets = alive.filter(({ id }) => !SPARED.includes(id));
  if (performance.now() >= dueMs && targets.length > 0) {
    dueMs = performance.now() + every * 1000;
    if (processes.kill(targets[rng.integer(targets.length)]!)) counts.kills += 1;
  }
  await delay(SAMPLE_MS);
}
launched.process.kill('SIGTERM');
const { code, stderr } = await launched.ended;
if (code !== EXIT.retry) {
  throw new Error(`the run ended with exit code ${code}: ${stderr.slice(-2000)}`);
}
console.log(
  JSON.stringify(
    {
      algorithm: values.algorithm,
      minutes,
      ...counts,
      residentMiB: Object.fromEntries([...memory].map(([id, samples]) => [id, growthOf(samples)])),
      collections: Object.fromEntries([...pids].map(([id, pid]) => [id, collectionsOf(pid)])),
    },
    null,
    2,
  ),
);
await rm(folder, { recursive: true });

/** Medians of the first and the last quarter after warm-up: single readings depend on when the collector last ran. */
function growthOf(samples: readonly number[]): { warm: number; last: number; growth: number } {
  const after = samples.slice(Math.floor(WARM_UP * samples.length));
  const quarter = Math.max(1, Math.floor(after.length / 4));
  const warm = spreadOf(after.slice(0, quarter)).median;
  const last = spreadOf(after.slice(-quarter)).median;
  return { warm, last, growth: last / warm - 1 };
}

interface Census {
  readonly heapBytes: number;
  /** Held by objects, outside of the heap. */
  readonly externalBytes: number;
  /** Entries of the maps and sets made in a place. */
  readonly sizes: Readonly<Record<string, number>>;
}

interface Growth {
  readonly warm: number;
  readonly last: number;
}

/** By thread of a process. */
type Collections = Record<
  string,
  {
    heapMiB: Growth;
    externalMiB: Growth;
    entries: Growth;
    grown: Record<string, readonly number[]>;
  }
>;

/** What is held after warm-up and at the end, and each place that holds more at the end than ever before the last quarter. */
function collectionsOf(pid: number): Collections {
  const files = readdirSync(censuses).filter((name) => name.startsWith(`${pid}-`));
  const threads = files.map((name) => {
    const lines = readFileSync(join(censuses, name), 'utf8').trimEnd().split('\n');
    const all = lines.map((line) => JSON.parse(line) as Census);
    const after = all.slice(Math.floor(WARM_UP * all.length));
    const [warm, last] = [after[0]!, after.at(-1)!];
    const earlier = after.slice(0, -Math.ceil(after.length / 4));
    const sizesBefore = (place: string): number[] => earlier.map(({ sizes }) => sizes[place] ?? 0);
    const grown = Object.entries(last.sizes)
      .filter(([place, size]) => size > Math.max(0, ...sizesBefore(place)))
      .map(([place, size]) => [place, [...sizesBefore(place), size]] as const);
    const mib = (bytes: number): number => bytes / 2 ** 20;
    return [
      name.replace(/^.*-(\d+)\.jsonl$/, 'thread $1'),
      {
        heapMiB: { warm: mib(warm.heapBytes), last: mib(last.heapBytes) },
        externalMiB: { warm: mib(warm.externalBytes), last: mib(last.externalBytes) },
        entries: { warm: entriesOf(warm), last: entriesOf(last) },
        grown: Object.fromEntries(grown),
      },
    ] as const;
  });
  return Object.fromEntries(threads);
}

function entriesOf({ sizes }: Census): number {
  return Object.values(sizes).reduce((total, size) => total + size, 0);
}
