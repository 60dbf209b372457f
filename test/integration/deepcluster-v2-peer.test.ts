/**
 * DeepCluster-v2's peer in PyTorch, and scikit-learn's judgement of features: the peer has our
 * settings and our formulas, and trains; the judgement is that of our own kNN. PEERS_PYTHON names a
 * Python with the libraries; without one these tests skip, and say so.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deepclusterV2ConfigOf } from '../../src/algorithms/deepcluster-v2/config.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { splitForEmpty } from '../../src/clustering/kmeans-reducer.ts';
import { knnTop1 } from '../../src/evaluation/knn.ts';
import { seededRng } from '../../src/math/rng.ts';
import { learningRateFactor } from '../../src/ps/schedule.ts';
import { assertClose } from '../support/made/nn-arrays.ts';
import { makeNoiseImages, placeForRuns } from '../support/runs/in-process-run.ts';
import { PEERS, pythonWith } from '../support/runs/peers-python.ts';

const [trainer, judge] = [pythonWith('torch', 'numpy', 'PIL'), pythonWith('sklearn', 'numpy')];
const withTorch = { skip: trainer === null && 'PEERS_PYTHON names no Python with torch and PIL' };
const withSklearn = { skip: judge === null && 'PEERS_PYTHON names no Python with sklearn' };

const { data, folder } = await placeForRuns(24);
const testImages = join(folder, 'test');
await makeNoiseImages(testImages, 9);

/** @returns each line of stdout */
function ran(python: string, args: readonly string[], input = ''): unknown[] {
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const { status, stdout, stderr } = spawnSync(python, args, {
    ...{ cwd: PEERS, encoding: 'utf8', env },
    input,
  });
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

/** Evaluates an expression with the modules of the peer. @param given its variable `given` */
function evaluated(expression: string, given: unknown): unknown {
  const code = [
    'import json, sys, numpy as np, torch, deepcluster_v2 as peer, spherical_kmeans as clustering',
    'given = json.load(sys.stdin)',
    `print(json.dumps(${expression}))`,
  ].join('\n');
  return ran(trainer!, ['-c', code], JSON.stringify(given))[0];
}

interface Oracle {
  readonly losses: readonly {
    readonly crops: number;
    readonly loss: number;
  }[];
  readonly clustering: {
    readonly centroids: readonly number[];
    readonly labels: readonly number[];
  };
}

const path = new URL('../oracle/deepcluster_v2.json', import.meta.url);
const oracle = JSON.parse(readFileSync(path, 'utf8')) as Oracle;

test(
  "the peer's settings are those of presets/small-photos.yaml, and it trains by them",
  withTorch,
  () => {
    const out = join(folder, 'out');
    const small = ['--epochs', '2', '--k', '4', '--batch', '16', '--slice', '8', '--seed', '3'];
    const args = ['deepcluster_v2.py', data, '--test', testImages, '--out', out, ...small];
    const [first, ...epochs] = ran(trainer!, args) as [
      { readonly settings: unknown },
      ...{ readonly epoch: number; readonly loss: number; readonly cpuSeconds: { all: number } }[],
    ];
    const { config } = loadRunConfig({ env: {}, preset: 'small-photos', settings: [] });
    const { data: views, model, clustering, training } = config;
    const own = deepclusterV2ConfigOf(config);
    const { brightness, contrast, saturation, hue } = views.colourJitter;
    assert.deepEqual(first.settings, {
      ...{ train: data, test: testImages, out, seed: 3, threads: 1, epochs: 2, k: 4 },
      ...{ size: views.imageSize, resize_ratio: views.resizeRatio, crop_area: views.cropArea },
      ...{ crop_aspect: views.cropAspect, flip_probability: views.flipProbability },
      jitter: [brightness, contrast, saturation, hue],
      jitter_probability: views.colourJitterProbability,
      grey_probability: views.greyProbability,
      ...{ width: model.width, hidden: model.neckHidden, dim: model.neckDim },
      iterations: clustering.iterations,
      ...{ heads: own.heads, crops: own.crops, temperature: own.temperature },
      ...{ small_crops: own.smallCrops, small_crop_size: own.smallCropSize },
      small_crop_area: own.smallCropArea,
      ...{ batch: 16, slice: 8, lr: training.learningRate, momentum: training.momentum },
      ...{ weight_decay: training.weightDecay, warmup_epochs: training.warmupEpochs },
      cosine_to: training.cosineTo,
    });
    assert.deepEqual(
      epochs.map(({ epoch }) => epoch),
      [0, 1],
    );
    // Four clusters of noise: not far from ln 4 on either side.
    for (const { loss } of epochs) assert.ok(loss > 0.2 && loss < 5, String(loss));
    assert.ok(epochs[1]!.cpuSeconds.all > epochs[0]!.cpuSeconds.all);
    const file = (name: string): Buffer => readFileSync(join(out, name));
    for (const [part, count] of [
      ['train', 24],
      ['test', 9],
    ] as const) {
      const [random, trained] = [file(`random-${part}.npy`), file(`trained-${part}.npy`)];
      assert.ok(trained.toString('latin1').includes(`'shape': (${count}, 128)`));
      assert.equal(random.length, trained.length);
      assert.ok(!random.equals(trained));
      const rows = file(`trained-${part}.npy.paths.csv`).toString().trim().split(/\r?\n/);
      assert.equal(rows[0], 'path');
      assert.equal(rows.length, 1 + count);
      for (const row of rows.slice(1))
        assert.ok(existsSync(join(part === 'train' ? data : testImages, row)));
    }
    assert.deepEqual(ran(trainer!, [...args.slice(0, 5), `${out}-again`, ...small]).length, 3);
    assert.ok(
      readFileSync(join(`${out}-again`, 'trained-train.npy')).equals(file('trained-train.npy')),
    );
  },
);

test('the peer trains on small crops, too', withTorch, () => {
  const plan = ['--epochs', '1', '--k', '4', '--batch', '16', '--slice', '8', '--size', '64'];
  const losses = [[], ['--small-crops', '2', '--small-crop-size', '32']].map((small, i) => {
    const args = ['deepcluster_v2.py', data, '--out', join(folder, `crops-${i}`)];
    return (ran(trainer!, [...args, ...plan, ...small])[1] as { readonly loss: number }).loss;
  });
  for (const loss of losses) assert.ok(loss > 0.2 && loss < 5, String(loss));
  assert.notEqual(losses[0], losses[1]);
});

test("the peer's loss and clustering are those of our oracle", withTorch, () => {
  const losses = evaluated(
    `[peer.prototype_loss(
        torch.nn.functional.normalize(torch.tensor(c["features"], dtype=torch.float64).view(-1, c["dim"]), dim=1),
        torch.tensor(c["prototypes"], dtype=torch.float64).view(c["heads"], c["clusters"], c["dim"]),
        torch.tensor(c["targets"]).view(-1, c["heads"]).repeat_interleave(c["crops"], dim=0),
        c["temperature"],
      ).item() / c["crops"] for c in given["losses"]]`,
    oracle,
  );
  assertClose(
    losses as number[],
    oracle.losses.map(({ loss }) => loss),
    1e-12,
  );
  const [centroids, labels] = evaluated(
    `[part.ravel().tolist() for c in [given["clustering"]] for part in clustering.spherical_kmeans(
        np.array(c["rows"]).reshape(-1, c["dim"]), c["start"], c["iterations"])]`,
    oracle,
  ) as [number[], number[]];
  assertClose(centroids, oracle.clustering.centroids, 1e-6);
  assert.deepEqual(labels, oracle.clustering.labels);
});

test(
  "the peer's learning rates are ours, and an empty cluster takes half of another one as here",
  withTorch,
  () => {
    const { training } = loadRunConfig({ env: {}, preset: 'small-photos', settings: [] }).config;
    const [steps, epochs] = [5, 6];
    const expected = Array.from({ length: steps * epochs }, (_, i) =>
      learningRateFactor(training, {
        epoch: Math.floor(i / steps),
        index: i % steps,
        steps,
        epochs,
      }),
    );
    const { warmupEpochs, cosineTo } = training;
    const factors = evaluated(
      '[peer.rate_factor(i // 5 + i % 5 / 5, 5, 6, *given) for i in range(30)]',
      [warmupEpochs, cosineTo],
    );
    assertClose(factors as number[], expected, 1e-12);

    // One of the clusters has nearly all rows: whatever is drawn, it is the one that is split.
    const [means, sizes] = [Float32Array.of(1, 2, 3, 4, 5, 6), Float64Array.of(0, 1, 99_999)];
    const split = evaluated(
      'clustering.split_for_empty(np.array([[1., 2], [3, 4], [5, 6]]), np.array([0, 1, 99999])).ravel().tolist()',
      null,
    );
    splitForEmpty(means, sizes, 2);
    assertClose(split as number[], [...means], 1e-6);
  },
);

/** A step of six images in slices of four, and the slices by themselves, with the same views. */
const SLICED_STEP = `
import json, sys, numpy as np, torch, deepcluster_v2 as peer
sys.argv += "--out none --k 4 --slice 4 --crop-area 1 1 --crop-aspect 1 1".split()
sys.argv += "--flip-probability 0 --jitter-probability 0 --grey-probability 0".split()
args = peer.parse()
images = [peer.decoded(f"{args.train}/{path}") for path in peer.image_paths(args.train)]
ids = np.array([5, 0, 9, 2, 7, 3])

def stepped(part):
    torch.manual_seed(1)
    training = peer.Training(images, args)
    before = [values.clone() for values in peer.statistics_of(training.net)]
    training.fill_memory()
    assert all(map(torch.equal, before, peer.statistics_of(training.net)))
    prototypes, targets = training.cluster()
    loss = training.step(part, prototypes, targets)
    numbers = [p.grad for p in training.net.parameters()] + peer.statistics_of(training.net)
    return loss, torch.cat([values.flatten() for values in numbers])

(whole, together), (four, a), (two, b) = [stepped(part) for part in (ids, ids[:4], ids[4:])]
difference = (together - (4 * a + 2 * b) / 6).abs().max().item()
apart = (a - b).abs().max().item()
print(json.dumps({"losses": [whole, four, two], "difference": difference, "apart": apart}))
`;

test(
  "the peer's gradients and batch norm's statistics are the means over slices",
  withTorch,
  () => {
    const [found] = ran(trainer!, ['-c', SLICED_STEP, data]) as [
      { losses: [number, number, number]; difference: number; apart: number },
    ];
    const [whole, four, two] = found.losses;
    assert.ok(Math.abs(whole - (four + two)) < 1e-5 * whole, String(found.losses));
    // Float32, added up in another order.
    assert.ok(found.difference < 1e-5 * found.apart, JSON.stringify(found));
  },
);

/** Three directions with noise: some are told apart, some are not. */
function noisyClasses(count: number, name: string): { rows: number[][]; classes: number[] } {
  const rng = seededRng('judged features', name);
  const classes = Array.from({ length: count }, (_, i) => i % 3);
  const rows = classes.map((own) =>
    Array.from({ length: 6 }, (_, j) => (j % 3 === own ? 1 : 0) + 3 * (rng.float() - 0.5)),
  );
  return { rows, classes };
}

test(
  'the judgement of features: our kNN, paths or labels, chance for labels that mean nothing',
  withSklearn,
  () => {
    const [train, judged] = [noisyClasses(150, 'train'), noisyClasses(90, 'test')];
    const npy = (name: string, rows: number[][]): string => {
      const file = join(folder, `${name}.npy`);
      const code =
        'import json, sys, numpy as np; np.save(sys.argv[1], np.float32(json.load(sys.stdin))); print(0)';
      ran(judge!, ['-c', code, file], JSON.stringify(rows));
      return file;
    };
    const written = (name: string, lines: readonly string[]): string => {
      const file = join(folder, name);
      writeFileSync(file, `${lines.join('\n')}\n`);
      return file;
    };
    const pathsOf = (classes: readonly number[]): string[] => [
      'path,cluster,distance',
      ...classes.map((own, i) => `class-${own}/deep/${i}.jpg,0,0.5`),
    ];
    const [a, b] = [npy('a', train.rows), npy('b', judged.rows)];
    written('a.npy.paths.csv', pathsOf(train.classes));
    written('b.npy.paths.csv', pathsOf(judged.classes));
    const files = ['judge_features.py', '--train', a, '--test', b, '--clusters', '3'];
    interface Judgement {
      readonly knn: number;
      readonly linear: number;
      readonly nmi: number;
      readonly classes: number;
    }
    const [byPaths] = ran(judge!, files) as [Judgement];
    const knn = knnTop1({
      ...{
        train: Float32Array.from(train.rows.flat()),
        test: Float32Array.from(judged.rows.flat()),
      },
      ...{
        trainLabels: Int32Array.from(train.classes),
        testLabels: Int32Array.from(judged.classes),
      },
      ...{ dim: 6, classes: 3, k: 20 },
    });
    assert.ok(Math.abs(byPaths.knn - knn) < 1e-12, `${byPaths.knn}, not ${knn}`);
    assert.ok(byPaths.knn > 0.6 && byPaths.knn < 1);
    assert.ok(byPaths.linear > 0.6 && byPaths.nmi > 0.1);
    assert.equal(byPaths.classes, 3);

    const labels = ['--train-labels', written('a.txt', train.classes.map(String))];
    const testLabels = ['--test-labels', written('b.txt', judged.classes.map(String))];
    assert.deepEqual(ran(judge!, [...files, ...labels, ...testLabels]), [byPaths]);

    const rng = seededRng('labels that mean nothing');
    const none = train.classes.map(() => String(rng.integer(3)));
    const [blind] = ran(judge!, [
      ...files,
      ...['--train-labels', written('none.txt', none)],
      ...testLabels,
    ]) as [Judgement];
    // Five standard errors above a third of 90.
    assert.ok(blind.knn < 1 / 3 + 0.25 && blind.nmi < 0.1, JSON.stringify(blind));
  },
);

test('raw pixels are judged, too', withSklearn, () => {
  const args = [
    'judge_features.py',
    '--pixels',
    data,
    testImages,
    '--size',
    '16',
    '--clusters',
    '2',
  ];
  const [{ dim, knn, nmi }] = ran(judge!, args) as [{ dim: number; knn: number; nmi: number }];
  assert.equal(dim, 16 * 16 * 3);
  // Dark and light noise, which the channels' means lie between.
  assert.ok(knn > 0.7 && nmi > 0.3, JSON.stringify({ knn, nmi }));
});
