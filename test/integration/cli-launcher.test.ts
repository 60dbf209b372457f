import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { superviseRun, type LaunchPlan } from '../../src/launch/launcher.ts';
import { FINISHED, LISTENING, newFolder, play } from '../support/runs/played-launch.ts';

describe('a run that ends well', () => {
  test('gives the summary; workers are started at the announced address and leave by themselves', async () => {
    const folder = newFolder();
    const ready = join(folder, 'ready');
    const { summary, error, remarks, addresses } = await play(folder, {
      coordinator: { says: [LISTENING], waitsFor: ready, saysAtEnd: [FINISHED], exit: 0 },
      workers: [{ touches: ready, exit: 0 }],
    });
    assert.equal(error, null);
    assert.deepEqual(summary, { runId: 'r1' });
    assert.deepEqual(addresses, ['127.0.0.1:4711']);
    assert.deepEqual(remarks, []);
  });

  test('stops workers that stay, by force where they ignore it', async () => {
    const folder = newFolder();
    const ready = [join(folder, 'a'), join(folder, 'b')];
    const { error } = await play(folder, {
      coordinator: { says: [LISTENING], waitsFor: ready[1], saysAtEnd: [FINISHED], exit: 0 },
      workers: [
        { touches: ready[0], onTerm: 0 },
        { waitsFor: ready[0], saysAtEnd: [], touches: ready[1], onTerm: 'ignore' },
      ],
      times: { leaveMs: 50 },
    });
    assert.equal(error, null);
  });

  test('keeps the output of each process in a file and hands on each line', async () => {
    const folder = newFolder();
    const lines: string[] = [];
    const prints = ['first', '{"level":"info"}'];
    await play(folder, {
      coordinator: { says: [LISTENING], prints, saysAtEnd: [FINISHED], exit: 0 },
      onLine: (id, line) => lines.push(`${id} ${line}`),
    });
    assert.deepEqual(lines, ['coordinator first', 'coordinator {"level":"info"}']);
    assert.equal(readFileSync(join(folder, 'coordinator.log'), 'utf8'), `${prints.join('\n')}\n`);
  });
});

describe('a worker that dies', () => {
  test('is started again under its name, and the run goes on', async () => {
    const folder = newFolder();
    const ready = join(folder, 'ready');
    const attempts = join(folder, 'attempts');
    const { summary, remarks } = await play(folder, {
      coordinator: { says: [LISTENING], waitsFor: ready, saysAtEnd: [FINISHED], exit: 0 },
      workers: [{ attempts, deaths: 2, touches: ready, onTerm: 0, exit: 0 }],
    });
    assert.deepEqual(summary, { runId: 'r1' });
    assert.deepEqual(remarks, [
      'worker-0 ended by signal SIGKILL; restart 1 of 3',
      'worker-0 ended by signal SIGKILL; restart 2 of 3',
    ]);
    assert.equal(readFileSync(attempts, 'utf8').length, 3);
  });

  test('once too often ends the run with exit code 1, its last words and the way on', async () => {
    const folder = newFolder();
    const { error, remarks } = await play(folder, {
      coordinator: { says: [LISTENING] },
      workers: [{ prints: ['out of memory'], exit: 1 }],
      maxRestarts: 1,
    });
    assert.equal(error?.exitCode, 1);
    assert.equal(
      error.message,
      `worker-0 ended 2 times, the last by exit code 1: out of memory; see ${folder}/worker-0.log; continue with: deepcluster launch --resume`,
    );
    assert.deepEqual(remarks, ['worker-0 ended by exit code 1: out of memory; restart 1 of 1']);
  });

  test('with exit code 42 ends the run at once, with its own message', async () => {
    const message = 'data images: not the images of the coordinator';
    const { error, remarks } = await play(newFolder(), {
      coordinator: { says: [LISTENING] },
      workers: [
        { says: [{ type: 'failed', exitCode: 42, message }], exit: 42 },
        { onTerm: 75 }, // a healthy one is stopped with it
      ],
    });
    assert.equal(error?.exitCode, 42);
    assert.equal(error.message, message);
    assert.deepEqual(remarks, []);
  });

  test('with exit code 42 and no notice is quoted by its last line', async () => {
    const { error } = await play(newFolder(), {
      coordinator: { says: [LISTENING] },
      workers: [{ prints: ['one', 'deepcluster: engine tensorflow: no such file'], exit: 42 }],
    });
    assert.equal(error?.message, 'deepcluster: engine tensorflow: no such file');
  });

  test('is quoted by its error, not by its log or its stack', async () => {
    const prints = [
      'starting',
      'TypeError: no such thing',
      '    at main.ts:3:4',
      'Node.js v20.19.0',
      '{"level":"info","event":"engine.started"}',
    ];
    const { error } = await play(newFolder(), {
      coordinator: { says: [LISTENING] },
      workers: [{ prints, kills: true }],
      maxRestarts: 0,
    });
    assert.match(
      error?.message ?? '',
      /the last by signal SIGKILL: TypeError: no such thing; see /,
    );
  });

  test('after a sound life is started again at once', async () => {
    const folder = newFolder();
    const ready = join(folder, 'ready');
    const attempts = join(folder, 'attempts');
    const start = performance.now();
    const { summary } = await play(folder, {
      coordinator: { says: [LISTENING], waitsFor: ready, saysAtEnd: [FINISHED], exit: 0 },
      workers: [{ attempts, deaths: 3, touches: ready, exit: 0 }],
      times: { backoffMs: 60_000, longestBackoffMs: 60_000, soundMs: 0 },
    });
    assert.deepEqual(summary, { runId: 'r1' });
    assert.ok(performance.now() - start < 30_000);
  });

  test('is not waited for in its pause when the run ends', async () => {
    const folder = newFolder();
    const attempts = join(folder, 'attempts');
    const start = performance.now();
    const { summary } = await play(folder, {
      coordinator: { says: [LISTENING], waitsFor: attempts, saysAtEnd: [FINISHED], exit: 0 },
      workers: [{ attempts, deaths: 9 }],
      times: { backoffMs: 60_000, longestBackoffMs: 60_000 },
    });
    assert.deepEqual(summary, { runId: 'r1' });
    assert.ok(performance.now() - start < 30_000);
  });
});

describe('a coordinator that dies', () => {
  test('at its start, before it listens, ends the run with its message; no worker is started', async () => {
    const message = 'config listen: port in use';
    const { error, addresses } = await play(newFolder(), {
      coordinator: { says: [{ type: 'failed', exitCode: 42, message }], exit: 42 },
      workers: [{}],
    });
    assert.equal(error?.exitCode, 42);
    assert.equal(error.message, message);
    assert.deepEqual(addresses, []);
  });

  test('by a signal ends the run with "try again" and the way on, and stops the workers', async () => {
    const folder = newFolder();
    const ready = join(folder, 'ready');
    const { error } = await play(folder, {
      coordinator: { says: [LISTENING], waitsFor: ready, kills: true },
      workers: [{ touches: ready, onTerm: 75 }],
    });
    assert.equal(error?.exitCode, 75);
    assert.match(
      error.message,
      /^the coordinator ended by signal SIGKILL.*continue with: deepcluster/,
    );
  });

  test('because a person must do something first is not started again, nor is anything else', async () => {
    const folder = newFolder();
    const ready = join(folder, 'ready');
    const message = 'data photos: 150 of 300 images cannot be read any more';
    const failed = { type: 'failed', exitCode: 75, message, needsPerson: true };
    const { error, remarks } = await play(folder, {
      coordinator: {
        ...{ attempts: join(folder, 'attempts'), says: [LISTENING], waitsFor: ready },
        ...{ saysAtEnd: [failed], exit: 75 },
      },
      workers: [{ touches: ready, onTerm: 75 }],
    });
    assert.equal(error?.exitCode, 75);
    assert.equal(error.message, `${message}; continue with: deepcluster launch --resume`);
    assert.deepEqual(remarks, []);
    assert.equal(readFileSync(join(folder, 'attempts'), 'utf8').length, 1);
  });

  test('by an error of its own ends the run with its exit code and the way on', async () => {
    const { error } = await play(newFolder(), {
      coordinator: { says: [LISTENING], prints: ['TypeError: x'], exit: 1 },
    });
    assert.equal(error?.exitCode, 1);
    assert.match(error.message, /exit code 1: TypeError: x; .*continue with: deepcluster/);
  });

  test('with 0 but without a summary has failed', async () => {
    const { error } = await play(newFolder(), { coordinator: { says: [LISTENING], exit: 0 } });
    assert.equal(error?.exitCode, 1);
  });

  test('because its program does not exist is an error, not a wait', async () => {
    const folder = newFolder();
    const never = new AbortController().signal;
    const ignore = (): void => undefined;
    const plan: LaunchPlan = {
      coordinator: () => ({ id: 'coordinator', command: [join(folder, 'none')], env: {} }),
      others: () => [],
      maxRestarts: 0,
      logs: folder,
      remedy: () => '-',
    };
    const hooks = { onNotice: ignore, onLine: ignore, onRemark: ignore };
    await assert.rejects(superviseRun(plan, hooks, { stop: never, kill: never }), /ENOENT/);
  });
});
