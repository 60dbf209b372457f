import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { armFailpointsFrom } from '../../src/process/failpoint-setting.ts';

const folder = mkdtempSync(join(tmpdir(), 'failpoints-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A process that arms itself from its environment and comes to three places. */
const PROCESS = `
  const { armFailpointsFrom } = await import('./src/process/failpoint-setting.ts');
  const { hitFailpoint } = await import('./src/process/failpoints.ts');
  armFailpointsFrom(process.env);
  hitFailpoint('server.staged', { step: 3, part: 1 });
  hitFailpoint('server.afterApply', { step: 3, part: 0 });
  console.log('between');
  hitFailpoint('server.afterApply', { step: 3, part: 1 });
  console.log('after');
`;

function run(env: Record<string, string>): { signal: string | null; said: string } {
  const { signal, stdout } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', PROCESS],
    { env: { ...process.env, ...env }, encoding: 'utf8' },
  );
  return { signal, said: stdout.trim().replaceAll('\n', ' ') };
}

test('the process that comes to the named place first is killed there; its successor is not', () => {
  const done = join(folder, 'done');
  const env = { FAILPOINT: 'server.afterApply:step=3,part=1', FAILPOINT_DONE: done };
  assert.deepEqual(run(env), { signal: 'SIGKILL', said: 'between' });
  assert.ok(existsSync(done));
  assert.deepEqual(run(env), { signal: null, said: 'between after' });
});

test('without a setting nothing is armed', () => {
  assert.deepEqual(run({}), { signal: null, said: 'between after' });
});

test('a setting that cannot be understood is refused', () => {
  const FAILPOINT_DONE = join(folder, 'never');
  for (const FAILPOINT of ['server', 'server.afterApply:step', 'server.afterApply:step=x', '']) {
    assert.throws(() => armFailpointsFrom({ FAILPOINT, FAILPOINT_DONE }), /must be NAME/);
  }
  assert.throws(() => armFailpointsFrom({ FAILPOINT: 'a.b' }), /needs FAILPOINT_DONE/);
});
