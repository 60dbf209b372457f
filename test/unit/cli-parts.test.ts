import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { shownLine } from '../../src/launch/child-log.ts';
import { workerShare } from '../../src/launch/machine.ts';
import { KEEP_FREED_MEMORY } from '../../src/process/allocator.ts';
import { summaryLines } from '../../src/cli/summary-table.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import { noSeconds } from '../../src/run/record-state.ts';

describe("a worker's share of the machine", () => {
  test('is an equal part of the cores, and one GPU in turn', () => {
    const machine = { cores: 16, gpus: ['0', '1'] };
    const shares = [0, 1, 2].map((index) => workerShare(index, 3, machine, {}));
    for (const share of shares) {
      assert.equal(share['OMP_NUM_THREADS'], '5'); // floor(16 / 3)
      assert.equal(share['TF_NUM_INTRAOP_THREADS'], '5');
      assert.equal(share['UV_THREADPOOL_SIZE'], '6');
    }
    assert.deepEqual(
      shares.map((share) => share['CUDA_VISIBLE_DEVICES']),
      ['0', '1', '0'],
    );
  });

  test('is never less than a thread, names no GPU where there is none, and leaves what is set', () => {
    const share = workerShare(0, 8, { cores: 2, gpus: [] }, { OMP_NUM_THREADS: '7' });
    assert.deepEqual(share, {
      OMP_NUM_THREADS: '7',
      TF_NUM_INTRAOP_THREADS: '1',
      UV_THREADPOOL_SIZE: '2',
      ...KEEP_FREED_MEMORY,
    });
  });
});

describe("what is shown of a process's output", () => {
  const line = (level: string): string =>
    `{"level":"${level}","event":"lease.expired","reason":"late"}`;

  test('by default is warnings and errors, in short', () => {
    assert.equal(shownLine('worker-1', line('warn'), null), 'worker-1 warn lease.expired: late');
    assert.equal(
      shownLine('worker-1', '{"level":"error","event":"a.b"}', null),
      'worker-1 error a.b',
    );
    assert.equal(
      shownLine('w', '{"level":"warn","event":"a.b","path":"x.jpg","reason":"empty"}', null),
      'w warn a.b: x.jpg: empty',
    );
    const figures = { level: 'warn', component: 'x', event: 'a.b', splits: 3, unfilled: [1] };
    assert.equal(
      shownLine('w', JSON.stringify(figures), null),
      'w warn a.b: splits 3, unfilled [1]',
    );
    assert.equal(shownLine('worker-1', line('info'), null), null);
    for (const other of [
      'plain text',
      '{broken',
      '{"event":3}',
      '{"level":"loud","event":"a.b"}',
    ]) {
      assert.equal(shownLine('worker-1', other, null), null);
    }
  });

  test('is the log itself from the asked level on, and with it everything else that was printed', () => {
    assert.equal(shownLine('worker-1', line('warn'), 'info'), line('warn'));
    assert.equal(shownLine('worker-1', line('debug'), 'info'), null);
    assert.equal(shownLine('worker-1', 'plain text', 'info'), 'worker-1: plain text');
  });
});

describe('the summary for a person', () => {
  const summary: RunSummary = {
    runId: 'r1',
    algorithm: 'deepcluster',
    architecture: 'small-convnet',
    engine: 'wasm',
    workers: 2,
    epochs: 2,
    steps: 36,
    images: 1200,
    seconds: 185,
    phaseSeconds: { ...noSeconds(), start: 10, extract: 20, pca: 1, kmeans: 4, train: 150 },
    imagesPerSecond: { extract: 120, train: 16 },
    finalLoss: 2.3456,
    lossByStep: 'loss-by-step.txt',
    nmi: { toPrevious: [null, 0.81], toTruth: [0.4, 0.5] },
    clusters: { k: 50, empty: 0, entropy: 0.97 },
    finalClusters: {
      ...{ inertia: 9, refilled: 0, nmiToTraining: 0.85, nmiToTruth: 0.52 },
      ...{ emptyClusters: 0, entropy: 0.97 },
    },
    evaluation: {
      feature: 'fc (256)',
      trainImages: 804,
      testImages: 396,
      classes: 10,
      knnTop1: 0.712,
      linearTop1: 0.75,
      randomKnnTop1: 0.43,
      randomLinearTop1: 0.55,
    },
    ledger: { committed: 2400, skipped: 0, duplicates: 1, returned: 2 },
    unreadable: 0,
    damaged: 0,
    restarts: 1,
    learning: { learnt: true, findings: [], advice: [] },
    collapse: { seen: 0, recovered: 0, now: null },
    settingChanges: [
      { step: 40, key: 'training.learningRate', from: 0.05, to: 0.005 },
      { step: 80, key: 'epochs', from: 3, to: 5 },
    ],
  };

  test('says what was run, how well it did against its start, and where the report is', () => {
    assert.deepEqual(summaryLines(summary, 'runs/r1/report.html'), [
      'run        r1: deepcluster, small-convnet on wasm',
      'size       1200 images, 2 epochs, 36 steps, 2 workers',
      'time       3 min 05 s (start 10 s, extract 20 s, pca 1 s, kmeans 4 s, train 2 min 30 s); 120 images/s extracted, 16 trained',
      'loss       2.346 (mean of the last epoch)',
      'NMI        to previous epoch 0.810, to classes 0.500',
      "clusters   50, 0 empty, entropy 0.970; by the final network: NMI to the last epoch's 0.850, to classes 0.520",
      'kNN        71.2 % top-1, as initialised 43.0 % (10 classes, 396 test images)',
      'linear     75.0 % top-1, as initialised 55.0 %',
      'ledger     2400 samples committed, 1 duplicate, 2 leases returned, 0 unreadable images, 1 restart',
      'changed    training.learningRate from 0.05 to 0.005 at step 40; epochs from 3 to 5 at step 80',
      'report     runs/r1/report.html',
    ]);
  });

  test('says how features stand beside raw pixels and the untrained network, with intervals', () => {
    const halves = (trained: number) => ({ trained, random: 0.05, pixels: 0.04 });
    const over = (value: number) => ({
      ...{ knnTop1: { value, interval: 0.05 }, linearTop1: { value, interval: 0.05 } },
    });
    const evaluation = {
      ...{ ...summary.evaluation!, pixelsKnnTop1: 0.7, pixelsLinearTop1: 0.72 },
      ...{ kmeansNmi: 0.5, randomKmeansNmi: 0.25, pixelsKmeansNmi: 0.3 },
      intervals: {
        ...{ from: 'test images', knnTop1: halves(0.045), linearTop1: halves(0.043) },
        kmeansNmi: halves(0.02),
      },
      gains: { random: over(0.2), pixels: over(0.02) },
    };
    const lines = summaryLines({ ...summary, evaluation }, 'r');
    const at = lines.findIndex((line) => line.startsWith('kNN'));
    assert.deepEqual(lines.slice(at, at + 5), [
      'kNN        71.2 ± 4.5 % top-1, as initialised 43.0 %, raw pixels 70.0 % (10 classes, 396 test images)',
      'linear     75.0 ± 4.3 % top-1, as initialised 55.0 %, raw pixels 72.0 %',
      'k-means    NMI 0.500 ± 0.020, as initialised 0.250, raw pixels 0.300 (10 clusters)',
      'features   better than the untrained network: kNN +20.0 ± 5.0 points, linear probe +20.0 ± 5.0 points',
      'features   no better than raw pixels: kNN +2.0 ± 5.0 points, linear probe +2.0 ± 5.0 points',
    ]);
  });

  test('says so where the final network tells no images apart', () => {
    const lines = summaryLines({ ...summary, finalClusters: null }, 'r');
    const told = "clusters   50, 0 empty, entropy 0.970; those of the last epoch's beginning";
    assert.ok(lines.includes(told));
  });

  test('says where nothing was learnt, and what to try; of a run that has learnt, its weakness', () => {
    const learning = {
      learnt: false,
      findings: ['no use', 'too short'],
      advice: ['more', 'fewer'],
    };
    const lines = summaryLines({ ...summary, learning }, 'r');
    const at = lines.indexOf('learnt     NOTHING: no use; too short');
    assert.deepEqual(lines.slice(at + 1, at + 3), ['try        more', 'try        fewer']);
    const weak = summaryLines({ ...summary, learning: { ...learning, learnt: true } }, 'r');
    assert.ok(weak.includes('weakness   no use; too short'));
  });

  test('says how many samples were skipped, where any were', () => {
    const ledger = { ...summary.ledger, committed: 2390, skipped: 10 };
    const lines = summaryLines({ ...summary, ledger }, 'r');
    assert.ok(lines.some((line) => line.includes('2390 samples committed, 10 skipped, 1 dup')));
  });

  test('says so where there was nothing to evaluate against', () => {
    const nmi = { toPrevious: [null], toTruth: null };
    const lines = summaryLines({ ...summary, evaluation: null, nmi }, 'r');
    assert.ok(lines.includes('NMI        to previous epoch unknown, to classes unknown'));
    assert.ok(lines.some((line) => line.startsWith('accuracy   not evaluated')));
  });
});
