import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { HANGUP_VARIABLE, hangupMeaning } from '../../src/cli/hangup.ts';
import { takeStopSignals } from '../../src/cli/stop-signals.ts';

const NO_TERMINAL = { stdin: false, stdout: false, stderr: false };

describe('a hangup', () => {
  test('is ignored where no stream is a terminal: nohup, setsid, systemd, cron', () => {
    assert.equal(hangupMeaning({}, NO_TERMINAL, 'linux'), 'ignore');
    assert.equal(hangupMeaning({}, NO_TERMINAL, 'darwin'), 'ignore');
  });

  test('stops a run whose output, or input, is a terminal', () => {
    for (const stream of ['stdin', 'stdout', 'stderr'] as const) {
      assert.equal(hangupMeaning({}, { ...NO_TERMINAL, [stream]: true }, 'linux'), 'stop', stream);
    }
  });

  test('is ignored with stdin on a terminal where nohup leaves it there', () => {
    const streams = { ...NO_TERMINAL, stdin: true };
    assert.equal(hangupMeaning({}, streams, 'darwin'), 'ignore');
    assert.equal(hangupMeaning({}, { ...streams, stderr: true }, 'darwin'), 'stop');
  });

  test('means what the environment says: a child does as the command that started it', () => {
    const onTerminal = { stdin: true, stdout: true, stderr: true };
    assert.equal(hangupMeaning({ [HANGUP_VARIABLE]: 'ignore' }, onTerminal, 'linux'), 'ignore');
    assert.equal(hangupMeaning({ [HANGUP_VARIABLE]: 'stop' }, NO_TERMINAL, 'linux'), 'stop');
    assert.equal(hangupMeaning({ [HANGUP_VARIABLE]: 'what?' }, NO_TERMINAL, 'linux'), 'ignore');
  });
});

describe('a command with processes to stop', () => {
  const before = process.env[HANGUP_VARIABLE];
  afterEach(() => {
    if (before === undefined) Reflect.deleteProperty(process.env, HANGUP_VARIABLE);
    else process.env[HANGUP_VARIABLE] = before;
  });

  test('stops in order at a hangup, and is not killed by another one', (t) => {
    const clock = t.mock.method(performance, 'now', () => 0);
    process.env[HANGUP_VARIABLE] = 'stop';
    let stops = 0;
    const signals = takeStopSignals(() => (stops += 1));
    try {
      process.emit('SIGHUP');
      clock.mock.mockImplementation(() => 60_000);
      process.emit('SIGHUP');
      assert.deepEqual([stops, signals.stop.aborted, signals.kill.aborted], [1, true, false]);
      process.emit('SIGINT');
      assert.ok(signals.kill.aborted, 'a second wish of a person');
    } finally {
      signals.release();
    }
  });

  test('takes no hangup where it is ignored', () => {
    process.env[HANGUP_VARIABLE] = 'ignore';
    const listeners = process.listenerCount('SIGHUP');
    const signals = takeStopSignals(() => undefined);
    assert.equal(process.listenerCount('SIGHUP'), listeners);
    signals.release();
  });
});
