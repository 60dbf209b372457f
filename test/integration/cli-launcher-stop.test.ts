import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  LAUNCHER,
  LISTENING,
  commandOf,
  isAlive,
  newFolder,
  pidsIn,
  play,
  until,
} from '../support/runs/played-launch.ts';

describe('stopping', () => {
  test('asks the coordinator first, then the workers, and says how to go on', async () => {
    const folder = newFolder();
    const ready = join(folder, 'ready');
    const stop = new AbortController();
    const playing = play(folder, {
      coordinator: { says: [LISTENING], onTerm: 75 },
      workers: [{ touches: ready, onTerm: 75 }],
      signals: { stop: stop.signal },
    });
    await until(() => existsSync(ready), 'worker started');
    stop.abort();
    const { error, remarks } = await playing;
    assert.equal(error?.code, 'UNAVAILABLE'); // exit code 75
    assert.equal(error.message, 'run: stopped; continue with: deepcluster launch --resume');
    assert.deepEqual(remarks, []); // workers that end now are not restarted
  });

  test('before anything listens ends the coordinator, too', async () => {
    const { error, addresses } = await play(newFolder(), {
      coordinator: {},
      workers: [{}],
      signals: { stop: AbortSignal.abort() },
    });
    assert.equal(error?.code, 'UNAVAILABLE');
    assert.deepEqual(addresses, []);
  });

  test('a coordinator that does not stop in time is killed', async () => {
    const folder = newFolder();
    const ready = join(folder, 'ready');
    const stop = new AbortController();
    const playing = play(folder, {
      coordinator: { says: [LISTENING], touches: ready, onTerm: 'ignore' },
      signals: { stop: stop.signal },
      times: { stopMs: 100 },
    });
    await until(() => existsSync(ready), 'coordinator started');
    stop.abort();
    assert.equal((await playing).error?.code, 'UNAVAILABLE');
  });

  test('a second time kills all at once', async () => {
    const folder = newFolder();
    const ready = join(folder, 'ready');
    const [stop, kill] = [new AbortController(), new AbortController()];
    const playing = play(folder, {
      coordinator: { says: [LISTENING], onTerm: 'ignore' },
      workers: [{ touches: ready, onTerm: 'ignore' }],
      signals: { stop: stop.signal, kill: kill.signal },
    });
    await until(() => existsSync(ready), 'worker started');
    stop.abort();
    kill.abort();
    assert.equal(
      (await playing).error?.message,
      'run: killed; continue with: deepcluster launch --resume',
    );
  });
});

test('processes end by themselves when their launcher is killed', async () => {
  const folder = newFolder();
  const ready = join(folder, 'ready');
  const coordinator = commandOf({ says: [LISTENING] }, folder);
  const worker = commandOf({ touches: ready }, folder);
  const launcher = spawn(
    process.execPath,
    [...['--import', 'tsx', LAUNCHER], JSON.stringify(coordinator), JSON.stringify(worker), folder],
    { stdio: 'ignore' },
  );
  await until(() => existsSync(ready), 'worker started');
  const pids = pidsIn(folder);
  assert.equal(pids.length, 2);
  launcher.kill('SIGKILL');
  await until(() => !pids.some(isAlive), 'processes ended');
});
