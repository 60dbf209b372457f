/** Threads that a worker of a run computes with: as it is given, as the run began, or a share. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { withThreads } from '../../src/launch/threads.ts';
import { settingsIn } from '../support/runs/launched-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'threads-'));
after(() => {
  rmSync(folder, { recursive: true });
});

/** What a run of these settings is given. */
function threadsOf(
  settings: Readonly<Record<string, string>>,
  on: Partial<Parameters<typeof withThreads>[1]>,
): { threads: number; remark: string | null } {
  const sources = {
    settings: Object.entries(settings).map(([key, value]) => ({ key, value, origin: '--set' })),
  };
  const defaults = { workers: 1, cores: 8, resumed: null, env: {} };
  const { sources: found, remark } = withThreads(sources, { ...defaults, ...on });
  const last = found.settings.filter(({ key }) => key === 'cluster.threads').at(-1);
  return { threads: Number(last?.value), remark };
}

function runThatBegan(threads: number | null): string {
  const out = mkdtempSync(join(folder, 'run-'));
  writeFileSync(join(out, 'config.json'), JSON.stringify({ cluster: { threads } }));
  return out;
}

test('a new run shares out the cores, or takes what the environment says', () => {
  assert.deepEqual(threadsOf({}, { workers: 3 }), { threads: 2, remark: null });
  assert.equal(threadsOf({}, { workers: 9 }).threads, 1);
  assert.equal(threadsOf({}, { env: { TF_NUM_INTRAOP_THREADS: '3' } }).threads, 3);
  // The runtime takes 0 for one a core.
  assert.equal(threadsOf({}, { env: { TF_NUM_INTRAOP_THREADS: '0' } }).threads, 8);
  assert.equal(threadsOf({ 'cluster.threads': '5' }, {}).threads, 5);
});

test('a resumed run keeps what it began with, and says what would be faster', () => {
  const resumed = runThatBegan(8);
  const { threads, remark } = threadsOf({}, { workers: 4, resumed });
  assert.equal(threads, 8);
  assert.match(remark ?? '', /^threads: 8 for each of 4 workers, as the run began, on 8 cores/);
  assert.deepEqual(settingsIn(remark ?? ''), { 'cluster.threads': 2 });
  const followed = threadsOf({ 'cluster.threads': '2' }, { workers: 4, resumed });
  assert.deepEqual(followed, { threads: 2, remark: null });
  assert.deepEqual(threadsOf({}, { workers: 1, resumed }), { threads: 8, remark: null });
});

test('a run that began before threads were recorded takes its share', () => {
  assert.equal(threadsOf({}, { workers: 2, resumed: runThatBegan(null) }).threads, 4);
});
