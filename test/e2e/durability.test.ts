/**
 * Checkpoints as a real run meets them: damaged, torn, mixed or another run's, on a disk that fills up, and resumed with
 * another number of parameter servers. The run goes on as if nothing had been.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { committed, disturbedRuns, type DisturbedRun } from '../support/runs/disturbed-runs.ts';
import {
  SMALL,
  eventsOf,
  lossesOf,
  pidOf,
  waitForEvent,
  type Launched,
} from '../support/runs/launched-run.ts';

const EPOCHS = 3;
const SETTINGS = { 'clustering.iterations': 5, 'evaluation.enabled': false };
const runs = await disturbedRuns({ epochs: EPOCHS, settings: SETTINGS });
const STEPS = EPOCHS * (runs.images / 24);

async function stopAfter(step: number, run: DisturbedRun): Promise<void> {
  await run.reaches(committed(step));
  await run.stops();
}

/** A run that was stopped at some step, with its checkpoints; tests work on copies. */
const stopped = runs.start('stopped');
await stopAfter(11, stopped);

/** @returns the newest checkpoint's folder, and that of the one before */
function newestOf(out: string): [string, string] {
  const steps = eventsOf(out)
    .filter(({ event }) => event === 'checkpoint.written')
    .map(({ step }) => step as number);
  const sorted = [...new Set(steps)].toSorted((a, b) => b - a);
  return [`step-${sorted[0]!}`, `step-${sorted[1]!}`];
}

describe('a checkpoint that is', () => {
  const damages: Readonly<Record<string, (newest: string, before: string) => void>> = {
    'damaged in one bit': (newest) => {
      const file = join(newest, 'parameters.safetensors');
      const bytes = readFileSync(file);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(file, bytes);
    },
    truncated: (newest) => {
      truncateSync(join(newest, 'momentum.safetensors'), 100);
    },
    'without its manifest': (newest) => {
      rmSync(join(newest, 'manifest.json'));
    },
    'mixed from two steps': (newest, earlier) => {
      const file = 'parameters.safetensors';
      cpSync(join(earlier, file), join(newest, file));
    },
    "another run's": (newest) => {
      const other = join(runs.out('undisturbed'), 'checkpoints');
      const latest = readFileSync(join(other, 'LATEST'), 'utf8').trim();
      rmSync(newest, { recursive: true });
      // It is sound, but for its place: its own step is told by its manifest.
      cpSync(join(other, latest), newest, { recursive: true });
      const manifest = join(newest, 'manifest.json');
      const step = /\d+$/.exec(newest)![0];
      const text = readFileSync(manifest, 'utf8');
      writeFileSync(manifest, text.replace(/"step":\s*\d+/, `"step": ${step}`));
    },
  };
  for (const [what, damage] of Object.entries(damages)) {
    test(`${what} is refused with the reason, and the one before is used`, async () => {
      const name = what.replaceAll(/\W/g, '-');
      const out = runs.out(name);
      cpSync(stopped.out, out, { recursive: true });
      const [newest, earlier] = newestOf(out);
      damage(join(out, 'checkpoints', newest), join(out, 'checkpoints', earlier));
      await runs.start(name, { resume: true }).endsAsUndisturbed();
      const events = eventsOf(out);
      const refused = events.find(({ event }) => event === 'checkpoint.refused');
      assert.equal(refused?.['name'], newest);
      assert.match(refused['reason'] as string, new RegExp(newest));
      const resumed = events.find(({ event }) => event === 'run.resumed');
      assert.equal(resumed?.['reason'], `from ${earlier}`);
    });
  }
});

test('a run that is resumed with two servers, then with three, is the run of none', async () => {
  const name = 'resharded';
  await stopAfter(4, runs.start(name, { servers: 0 }));
  await stopAfter(10, runs.start(name, { servers: 2, resume: true }));
  await runs.start(name, { servers: 3, resume: true }).endsAsUndisturbed();
});

/** Whether a file system of its own can be mounted here, by root or in a user namespace. */
function isolation(): string[] | null {
  for (const command of [
    ['unshare', '--mount'],
    ['unshare', '--user', '--map-root-user', '--mount'],
  ]) {
    const [program = '', ...args] = command;
    const probe = [...args, 'mount', '-t', 'tmpfs', 'tmpfs', runs.folder];
    if (spawnSync(program, probe).status === 0) return command;
  }
  return null;
}

const isolated = isolation();
const NO_MOUNT = 'needs the right to mount a file system, as root or in a user namespace';

interface SmallDiskRun {
  readonly launched: Launched;
  /** The run's folder as it is seen from outside. */
  readonly out: string;
  /** What the launcher has said so far. */
  readonly said: () => string;
  /** Takes all room there is, and all that is set free, until the result is called. */
  readonly fill: () => () => void;
}

/** A run in a file system of 4 MiB of its own. @returns a copy of its folder */
async function onSmallDisk(
  name: string,
  disturb: (run: SmallDiskRun) => Promise<void>,
): Promise<string> {
  const disk = join(runs.folder, name);
  const kept = join(runs.folder, `${name}-kept`);
  mkdirSync(disk);
  const program = fileURLToPath(new URL('../../bin/deepcluster.mjs', import.meta.url));
  const settings = { ...SMALL, ...SETTINGS, epochs: 2 * EPOCHS };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const places = ['--data', runs.data, '--out', join(disk, 'run')];
  const run = [program, 'launch', '--json', ...places, '--workers', '2', ...flags];
  // The file system goes with the last process that sees it: the run is copied out of it before.
  const script = `mount -t tmpfs -o size=4m tmpfs ${disk} && "$@"; code=$?; cp -a ${disk}/run ${kept}; exit $code`;
  const [command = '', ...args] = isolated ?? [];
  const child = spawn(command, [...args, 'sh', '-c', script, 'sh', process.execPath, ...run], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  child.stdout.resume();
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number,
    stdout: '',
    stderr,
  }));
  const inside = join(`/proc/${child.pid!}/root`, disk);
  let makeRoom = (): void => undefined;
  try {
    await disturb({
      launched: { process: child, ended },
      out: join(inside, 'run'),
      said: () => stderr,
      fill: () => (makeRoom = fillDisk(join(inside, 'filler'))),
    });
  } finally {
    makeRoom();
  }
  assert.equal((await ended).code, 0, stderr.slice(-2000));
  runs.assertSameStart(kept);
  return kept;
}

function fillDisk(filler: string): () => void {
  const takeAll = (): void => {
    appendFileSync(filler, Buffer.alloc(8 * 1024 * 1024));
  };
  assert.throws(takeAll, /ENOSPC/);
  const timer = setInterval(() => {
    try {
      takeAll();
    } catch {
      // It is full, as it should be; or gone with the run, which is what the test finds out.
    }
  }, 2);
  return () => {
    clearInterval(timer);
    rmSync(filler, { force: true });
  };
}

test(
  'a full disk stops checkpoints, loudly, and nothing else; they go on when there is room',
  { skip: isolated === null && NO_MOUNT },
  async () => {
    const kept = await onSmallDisk('small-disk', async (run) => {
      const { launched, out, fill } = run;
      await waitForEvent(out, committed(4), launched);
      const makeRoom = fill();
      await waitForText(run, /checkpoint\.failed/);
      const sound = readFileSync(join(out, 'checkpoints', 'LATEST'), 'utf8').trim();
      assert.ok(existsSync(join(out, 'checkpoints', sound, 'manifest.json')), sound);
      makeRoom();
    });
    const events = eventsOf(kept).map(({ event }) => event);
    const failed = events.indexOf('checkpoint.failed');
    assert.ok(failed > 0 && events.lastIndexOf('checkpoint.written') > failed);
  },
);

test(
  'a run that is done on a full disk waits with its results until there is room',
  { skip: isolated === null && NO_MOUNT },
  async () => {
    const kept = await onSmallDisk('full-at-the-end', async (run) => {
      await waitForEvent(run.out, committed(2 * STEPS - 4), run.launched);
      const makeRoom = run.fill();
      await waitForText(run, /disk\.full: the result waits for room/);
      makeRoom();
    });
    assert.equal(lossesOf(kept).length, 2 * STEPS);
  },
);

test(
  'a coordinator that starts on a full disk waits for room, and the run goes on',
  { skip: isolated === null && NO_MOUNT },
  async () => {
    const kept = await onSmallDisk('full-at-the-start', async (run) => {
      await waitForEvent(run.out, committed(7), run.launched);
      const coordinator = pidOf(run.out, 'coordinator');
      const makeRoom = run.fill();
      process.kill(coordinator, 'SIGKILL');
      await waitForText(run, /disk\.full: the claim on the run folder waits for room/);
      makeRoom();
    });
    assert.ok(eventsOf(kept).some(({ event }) => event === 'run.resumed'));
  },
);

/** Waits until the launcher has said it. */
async function waitForText({ launched, said }: SmallDiskRun, pattern: RegExp): Promise<void> {
  while (!pattern.test(said())) {
    const ends = launched.ended.then(() => 'ended');
    const more = once(launched.process.stderr!, 'data').then(() => 'said more');
    assert.equal(await Promise.race([more, ends]), 'said more', said().slice(-2000));
  }
}
