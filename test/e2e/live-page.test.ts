/** The live page of a run of real processes: what it shows while they are killed, and what its buttons do. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import { METRIC_NAMES } from '../../coordinator/dashboard/metrics.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import {
  eventsOf,
  finished,
  launch,
  pidOf,
  waitForEvent,
  type Launched,
} from '../support/runs/launched-run.ts';
import {
  StreamReader,
  ask,
  pageOf,
  press,
  samplesOf,
  stateThat,
  type PagePlace,
} from '../support/runs/live-page.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');
const out = join(folder.path, 'run');
/** 240 images in batches of 24. */
const STEPS_PER_EPOCH = 10;
const SETTINGS = {
  epochs: 1000,
  'checkpoint.everySteps': 0,
  'clustering.iterations': 3,
  'evaluation.enabled': false,
};

let launched: Launched;
let page: PagePlace;

before(async () => {
  await makeImages({ out: data, classes: 2, perClass: 120, size: 32, seed: 3 });
  launched = launch({ data, out, settings: SETTINGS });
  page = await pageOf(out);
});
after(async () => {
  launched.process.kill('SIGTERM');
  await launched.ended;
  folder.remove();
});

test('the stream brings every part of the page, and brings it again as the run goes on', async () => {
  const stream = new StreamReader(page);
  const html = (name: string): string => stream.parts.get(name) ?? '';
  await stream.until(() => html('learning').includes('Training loss'));
  await stream.until(() => html('clusters').includes('data:image/jpeg;base64,'));
  assert.deepEqual([...stream.parts.keys()], ['now', 'workers', 'learning', 'clusters', 'events']);
  assert.match(html('now'), /Running/);
  assert.match(html('workers'), /worker-0[^]*worker-1[^]*1\u00A0parameter server/);
  assert.match(html('events'), /worker-1 is ready/);
  const now = html('now');
  await stream.until(() => html('now') !== now);
  stream.close();
});

test('the page loads nothing from elsewhere, and its token lies in a file that its owner alone reads', async () => {
  const { status, headers, body } = await ask(page.address, '/');
  assert.equal(status, 200);
  assert.match(String(headers['content-security-policy']), /default-src 'none'; script-src 'self'/);
  assert.doesNotMatch(body, /https?:\/\//);
  assert.ok(!body.includes(page.token));
  assert.equal(statSync(join(out, 'live-page.json')).mode & 0o777, 0o600);
});

test('a scrape has every metric, and the figures of the run', async () => {
  await stateThat(page, ({ epochsDone }) => epochsDone > 1);
  const { status, headers, body } = await ask(page.address, '/metrics');
  assert.equal(status, 200);
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  for (const name of METRIC_NAMES) assert.match(body, new RegExp(`^# HELP ${name} `, 'm'));
  const samples = samplesOf(body);
  const steps = samples.get('deepcluster_steps_committed_total')!;
  assert.ok(steps >= STEPS_PER_EPOCH);
  assert.equal(samples.get('deepcluster_step'), steps);
  assert.equal(samples.get('deepcluster_images_trained_total'), steps * 24);
  assert.ok(samples.get('deepcluster_checkpoint_bytes')! > 0);
  assert.equal(samples.get('deepcluster_servers'), 1);
});

test('who has no token, comes from another site, or by another name, changes nothing', async () => {
  const { address, token } = page;
  const authorization = `Bearer ${token}`;
  const post = (headers: Record<string, string>) =>
    ask(address, '/do/stop', { method: 'POST', headers });
  for (const headers of [
    {},
    { authorization: `Bearer ${'x'.repeat(32)}` },
    { authorization, origin: 'https://elsewhere.example' },
    { authorization, host: 'elsewhere.example' },
  ]) {
    assert.equal((await post(headers)).status, 403);
  }
  assert.equal((await ask(address, '/do/stop', { headers: { authorization } })).status, 405);
  assert.equal((await ask(address, '/', { headers: { host: 'elsewhere.example' } })).status, 403);
  const { steps } = await stateThat(page, () => true);
  await stateThat(page, (state) => state.stage === 'running' && state.steps > steps);
});

test('a worker that is killed is seen lost, and back', async () => {
  const stream = new StreamReader(page);
  process.kill(pidOf(out, 'worker-1'), 'SIGKILL');
  await stream.until(() => /lost<[^]*/.test(stream.parts.get('workers') ?? ''));
  const back = await stateThat(page, ({ workers }) =>
    workers.some(
      ({ id, cameBack, ordersDone }) => id === 'worker-1' && cameBack === 1 && ordersDone > 0,
    ),
  );
  assert.equal(back.restarts, 1);
  assert.match(stream.parts.get('events') ?? '', /worker\.lost<\/code><\/td><td>worker-1: /);
  stream.close();
});

test('a checkpoint that is asked for is taken in the midst of an epoch', async () => {
  const taken = (): boolean =>
    eventsOf(out).some(
      ({ event, step }) =>
        event === 'checkpoint.written' && (step as number) % STEPS_PER_EPOCH !== 0,
    );
  assert.ok(!taken());
  // At an epoch's end there may be nothing new to be taken.
  while (!taken()) {
    const { steps } = await stateThat(page, ({ steps }) => steps % STEPS_PER_EPOCH > 0);
    assert.equal((await press(page, '/do/checkpoint')).status, 202);
    await stateThat(page, (state) => state.steps >= steps + 2);
  }
});

test('a worker that is let go finishes its leases, ends with 0, and is not started again; the last one stays', async () => {
  const before = await stateThat(page, ({ workers }) => workers.length === 2);
  const reply = await press(page, '/do/drain?worker=worker-0');
  assert.deepEqual(
    [reply.status, reply.body],
    [202, 'worker-0 leaves once it has finished its leases.\n'],
  );
  await waitForEvent(out, ({ event }) => event === 'worker.drained', launched);
  const state = await stateThat(page, ({ workers }) =>
    workers.some(({ id, state }) => id === 'worker-0' && state === 'drained'),
  );
  assert.equal(state.leasesReturned, before.leasesReturned);
  const pid = pidOf(out, 'worker-0');
  while (isAlive(pid)) await stateThat(page, () => true);
  await stateThat(page, ({ steps }) => steps > state.steps + STEPS_PER_EPOCH);
  assert.equal(pidOf(out, 'worker-0'), pid);
  assert.equal((await press(page, '/do/drain?worker=worker-0')).status, 404);
  const last = await press(page, '/do/drain?worker=worker-1');
  assert.equal(last.status, 409);
  assert.match(last.body, /too few workers \(cluster\.minWorkers\)/);
});

test('a coordinator that is killed is followed by another one whose page answers at the same address', async () => {
  const stream = new StreamReader(page);
  await stream.until(() => stream.parts.size > 0);
  process.kill(pidOf(out, 'coordinator'), 'SIGKILL');
  await stream.until(() => stream.isEnded);
  const state = await stateThat(page, ({ stage, term }) => stage === 'running' && term === 2);
  await stateThat(page, ({ steps }) => steps > state.steps);
  assert.deepEqual(await pageOf(out), page);
});

test('the run is stopped in order, and goes on when it is resumed', async () => {
  const stream = new StreamReader(page);
  await stream.until(() => stream.parts.size > 0);
  assert.equal((await press(page, '/do/stop')).status, 202);
  const { code, stderr } = await launched.ended;
  assert.equal(code, 75, stderr);
  assert.match(stderr, /stopped on its live page; continue with: deepcluster launch --resume/);
  assert.match(stderr, new RegExp(`live page http://${page.address}/#token=${page.token}`));
  assert.equal(stream.names.at(-1), 'over');
  const saved = eventsOf(out).findLast(({ event }) => event === 'checkpoint.written');
  const step = saved!['step'] as number;
  const epochs = Math.floor(step / STEPS_PER_EPOCH) + 1;
  const resumed = launch({ data, out, resume: true, settings: { ...SETTINGS, epochs } });
  assert.equal((await finished(resumed)).steps, epochs * STEPS_PER_EPOCH);
  const again = eventsOf(out).findLast(({ event }) => event === 'run.resumed');
  assert.equal(again!['step'], step);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
