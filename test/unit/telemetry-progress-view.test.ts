import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import type { Progress } from '../../src/telemetry/notice.ts';
import {
  createProgressView,
  formatSeconds,
  type ProgressStream,
  type ProgressView,
} from '../../src/telemetry/progress-view.ts';

interface Shown {
  readonly view: ProgressView;
  /** Everything written so far. */
  readonly text: () => string;
  readonly lines: () => string[];
  /** Moves the clock. */
  readonly pass: (ms: number) => void;
}

function viewOn(isTTY: boolean, columns = 120): Shown {
  let written = '';
  let nowMs = 1_000_000;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString();
      done();
    },
  });
  const stream: ProgressStream = Object.assign(sink, { isTTY, columns });
  return {
    view: createProgressView({ stream, nowMs: () => nowMs }),
    text: () => written,
    lines: () => written.split('\n').slice(0, -1),
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

function extract(done: number, epoch = 0): Progress {
  return { epoch, epochs: 3, phase: 'extract', done, total: 1200, unit: 'images' };
}

describe('without a terminal', () => {
  test('a phase has a line at its start and its end, with speed and time left in between', () => {
    const { view, lines, pass } = viewOn(false);
    view.show(extract(0));
    pass(6_000);
    view.show(extract(600));
    pass(6_000);
    view.show(extract(1200));
    assert.deepEqual(lines(), [
      'epoch 1/3 extract 0/1200 images',
      'epoch 1/3 extract 600/1200 images, 100/s, 6 s left', // 600 images in 6 s
      'epoch 1/3 extract 1200/1200 images, 100/s',
    ]);
  });

  test('notices within five seconds of a line are left out, but for the end', () => {
    const { view, lines, pass } = viewOn(false);
    view.show(extract(0));
    for (let done = 100; done <= 1200; done += 100) {
      pass(1_000);
      view.show(extract(done));
    }
    const counts = lines().map((line) => /(\d+)\/1200/.exec(line)?.[1]);
    assert.deepEqual(counts, ['0', '500', '1000', '1200']);
  });

  test('the end of a phase is told once', () => {
    const { view, lines, pass } = viewOn(false);
    view.show(extract(0));
    for (let i = 0; i < 3; i++) {
      view.show(extract(1200));
      pass(10_000);
    }
    assert.equal(lines().length, 2);
  });

  test('the same phase of the next epoch starts anew', () => {
    const { view, lines } = viewOn(false);
    view.show(extract(1200, 0));
    view.show(extract(0, 1));
    assert.deepEqual(lines(), [
      'epoch 1/3 extract 1200/1200 images',
      'epoch 2/3 extract 0/1200 images',
    ]);
  });

  test('a phase that is joined half-way, as after a resume, is measured from there', () => {
    const { view, lines, pass } = viewOn(false);
    view.show(extract(600));
    pass(5_000);
    view.show(extract(700));
    assert.equal(lines()[1], 'epoch 1/3 extract 700/1200 images, 20/s, 25 s left'); // 100 in 5 s
  });

  test('a phase outside the epochs is named alone', () => {
    const { view, lines } = viewOn(false);
    const verify = { epochs: 3, phase: 'verify', done: 1, total: 2, unit: 'images' };
    view.show({ ...verify, epoch: 3 });
    assert.deepEqual(lines(), ['verify 1/2 images']);
  });

  test('a note ends the line, a remark is a line of its own, and nothing moves the cursor', () => {
    const { view, text } = viewOn(false);
    view.show({ ...extract(0), note: 'loss 2.9' });
    view.remark('epoch 1: NMI 0.61');
    view.close();
    assert.equal(text(), 'epoch 1/3 extract 0/1200 images, loss 2.9\nepoch 1: NMI 0.61\n');
  });
});

describe('on a terminal', () => {
  test('a bar shows the phase with its speed and time left, on one line', () => {
    const { view, text, pass } = viewOn(true);
    view.show(extract(0));
    pass(6_000);
    view.show({ ...extract(600), note: 'loss 2.9' });
    view.close(); // draws a last time, then clears
    assert.match(text(), /epoch 1\/3 extract ░{24} 0\/1200 images/);
    assert.match(
      text(),
      /epoch 1\/3 extract █{12}░{12} 600\/1200 images, 100\/s, 6 s left, loss 2\.9/,
    );
    assert.ok(!text().includes('\n'));
  });

  test('a new phase has a bar of its own, with the speed measured anew', () => {
    const { view, text, pass } = viewOn(true);
    view.show(extract(0));
    pass(6_000);
    view.show({ ...extract(0), phase: 'train', unit: 'steps', total: 18 });
    pass(2_000);
    view.show({ ...extract(9), phase: 'train', unit: 'steps', total: 18 });
    view.close();
    // Of the run: 2 s of this epoch, and two more of 6 + (2 + 2) s.
    assert.match(text(), /epoch 1\/3 train █{12}░{12} 9\/18 steps, 4\.5\/s, run 22 s left/);
  });

  test('the bar is as short as the line has no room for it', () => {
    const { view, text } = viewOn(true, 40);
    view.show(extract(600));
    view.close();
    // Title and facts have 17 and 15 characters, the spaces 2: the least bar of 6 is left.
    assert.match(text(), /extract █{3}░{3} 600\/1200 images/);
  });

  test('a remark stays on a line of its own, and the bar comes back after it', () => {
    const { view, text } = viewOn(true);
    view.show(extract(0));
    view.remark('worker-0 was lost');
    view.show(extract(300));
    view.close();
    const [before = '', after = ''] = text().split('worker-0 was lost\n');
    assert.ok(before.endsWith('\u001b[0K') || before.endsWith('\u001b[2K'), 'the bar was cleared');
    assert.match(after, /300\/1200 images/);
  });

  test('closing leaves no timer behind and may be repeated', () => {
    const { view } = viewOn(true);
    view.show(extract(0));
    view.close();
    view.close();
  });
});

test('durations read as a person says them', () => {
  assert.deepEqual([0.2, 12, 59.5, 185, 3600 * 2 + 60 * 7 + 5].map(formatSeconds), [
    '1 s',
    '12 s',
    '1 min 00 s',
    '3 min 05 s',
    '2 h 07 min',
  ]);
});
