import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { join } from 'node:path';
import { createControl } from '../../coordinator/control/control.ts';
import type { EpochPlan } from '../../src/algorithms/epoch-plan.ts';
import { OdcStrategy } from '../../src/algorithms/odc/strategy.ts';
import { addParametersService } from '../../server/parameter-service.ts';
import { RunFolder } from '../../coordinator/record/run-folder.ts';
import { takeRunFolder } from '../../src/run/lock/take-folder.ts';
import { RunRecord } from '../../coordinator/record/run-record.ts';
import { ServerSessions } from '../../coordinator/fleet/server-session-service.ts';
import { CoordinatorService } from '../../coordinator/fleet/service.ts';
import { trainEpoch } from '../../coordinator/run/train-epoch.ts';
import { sumRows } from '../../src/clustering/odc/cluster-sums.ts';
import { NO_SMALL_CLUSTERS } from '../../src/clustering/odc/small-clusters.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { initialState } from '../../src/ps/parameter-store.ts';
import { startServer } from '../../src/rpc/channel/channel.ts';
import { connectServers } from '../../src/server-clients/connect.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { workThroughSessions, type Compute } from '../../worker/session.ts';
import {
  makeNoiseImages,
  plainCompute,
  readLines,
  temporaryFolder,
} from '../support/runs/in-process-run.ts';
import { PLAIN_LAYOUT } from '../support/made/layouts.ts';
import { matrixOf, odcFixtures } from '../support/oracles/odc-fixtures.ts';

const { trace } = odcFixtures;
const N = trace.labels.length;
const DIM = 4;
const BATCH = trace.iterations[0]!.indices.length;
const SLICE = BATCH / 2;
/** The fixtures are printed with nine decimals; rows are stored in float32. */
const TOLERANCE = 1e-6;
const NO_STEPS = { copies: 0, relabelled: 0, smallClusters: NO_SMALL_CLUSTERS };

const folder = temporaryFolder();
after(() => {
  folder.remove();
});

function assertNear(got: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(got.length, expected.length, what);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(got[i]! - value) <= TOLERANCE, `${what}[${i}]: ${got[i]} for ${value}`);
  });
}

/** Gives the fixture's features in training, slice by slice. */
function fixtureCompute(): Compute {
  const features = (_count: number, seed: readonly (string | number)[] | null): Float32Array => {
    const [step, slice] = (seed ?? []).slice(-2) as [number, number];
    return matrixOf(trace.iterations[step]!.features.slice(slice * SLICE, (slice + 1) * SLICE));
  };
  return { ...plainCompute({ features }), featureDim: DIM };
}

for (const servers of [1, 2, 3]) {
  test(`the four steps of the trace, through a coordinator, two workers and ${servers} parameter server(s) over gRPC`, () =>
    runTrace(servers));
}

async function runTrace(serverCount: number): Promise<void> {
  const data = join(folder.path, `images-${serverCount}`);
  const out = join(folder.path, `run-${serverCount}`);
  await makeNoiseImages(data, N);
  const given = {
    algorithm: 'odc',
    'data.imageSize': 32,
    'model.architecture': 'small-convnet',
    'model.neck': 'odc',
    'clustering.k': trace.classes,
    'odc.momentum': trace.momentum,
    'odc.publishInterval': trace.recompute_every,
    'odc.smallClusterInterval': trace.small_every,
    'odc.smallClusterSize': trace.min_cluster,
    'odc.lossWeightPower': trace.power,
    'odc.logInterval': 1,
    'training.batchSize': BATCH,
    'training.sliceSize': SLICE,
  };
  const settings = Object.entries(given).map(([key, value]) => ({
    ...{ key, value: String(value), origin: 'the test' },
  }));
  const { config } = loadRunConfig({ env: {}, settings });
  const source = await openImageSource(data);
  const logger = createLogger({ component: 'test', level: 'error' });
  const { signal } = new AbortController();
  const never = new AbortController().signal;
  const options = { isWaiting: false, takesOver: false, signal: never };
  const taken = await takeRunFolder(out, 'trace', options);
  const run = new RunFolder(out, taken, Date.now);
  const servers = await Promise.all(
    Array.from({ length: serverCount }, () => startServer('127.0.0.1:0', addParametersService)),
  );
  const addresses = servers.map(({ address }) => address);
  const service = new CoordinatorService(new ServerSessions(null));
  const control = createControl({
    ...{ runId: 'trace', config, source, folder: run, record: new RunRecord(Date.now), logger },
    ...{ service, addresses, term: 1, signal },
  });
  service.begin(control.events);
  const coordinator = await startServer('127.0.0.1:0', (server) => {
    service.addTo(server);
  });
  const workers = ['worker-0', 'worker-1'].map((workerId) =>
    workThroughSessions(
      {
        ...{ coordinator: coordinator.address, dataSource: data, engine: null },
        ...{ workerId, logger, signal },
      },
      () => Promise.resolve(fixtureCompute()),
    ),
  );
  const reached = connectServers({
    addresses,
    term: 1,
    layout: PLAIN_LAYOUT,
    cuts: 'anywhere',
    dim: DIM,
  });
  const { parameters, memory } = reached;
  try {
    const { featureDim } = await control.membership.network;
    const { dispatcher, artifacts, images } = control;
    const strategy = new OdcStrategy({
      ...{ config, imageCount: N, truth: source.truth, artifacts, memory, featureDim },
      ...{ folder: run, logger, signal },
      cluster: () => assert.fail('the trace begins after the clustering'),
      fillMemory: () => assert.fail('so it does'),
      clusterMemory: () => assert.fail('so it does'),
      noteClusters: () => undefined,
    });
    const rows = matrixOf(trace.bank);
    const labels = Int32Array.from(trace.labels);
    const state = initialState(PLAIN_LAYOUT, 1);
    const saved = {
      pseudoLabels: labels,
      clustering: {
        centroids: { data: matrixOf(trace.centroids), shape: [trace.classes, DIM] },
        'class-sums': {
          data: sumRows(rows, labels, trace.classes, DIM),
          shape: [trace.classes, DIM],
        },
        'labels-before': { data: labels.slice(), shape: [N] },
      },
      counters: { step: 0, centroidVersion: 0, interval: NO_STEPS, epoch: NO_STEPS },
    };
    await parameters.restore(
      {
        layoutJson: JSON.stringify(PLAIN_LAYOUT),
        trainingJson: JSON.stringify(config.training),
        seed: 1,
        snapshot: {
          ...{ version: 0, headEpoch: 0 },
          vectors: new Map([
            ['parameters', state.parameters],
            ['statistics', state.statistics],
            ['momentum', state.momentum],
            ['memory-rows', rows],
          ]),
        },
        memory: strategy.memoryShape(saved)!,
      },
      signal,
    );
    await strategy.restore(saved, 0);
    const plan: EpochPlan = {
      epoch: 0,
      ids: Int32Array.from(trace.iterations.flatMap(({ indices }) => indices)),
      occurrences: Int32Array.from({ length: trace.iterations.length * BATCH }, (_, i) => i),
      pseudoLabels: strategy.pseudoLabels,
    };
    dispatcher.dispatch({ type: 'epochOpened', epoch: 0, draws: plan.ids.length });
    const assertStep = async (step: number): Promise<void> => {
      const expected = trace.iterations[step]!;
      const { clustering, pseudoLabels } = await strategy.snapshot();
      assert.deepEqual([...pseudoLabels], expected.labels, `labels after step ${step}`);
      assertNear(clustering['centroids']!.data, expected.centroids.flat(), `centroids, ${step}`);
    };
    await trainEpoch(
      plan,
      { index: 0, firstStep: 0, version: 0 },
      {
        sliceFacts: () => strategy.sliceFacts,
        ...{ config, dispatcher, parameters, folder: run, signal, images },
        imagesLeftOut: () => Promise.resolve(),
        stepSkipped: () => undefined,
        enterPhase: () => undefined,
        progress: () => undefined,
        stepApplied: (step) => strategy.stepApplied(step, 0),
        stepDone: ({ step }) => assertStep(step),
      },
    );
    const all = Int32Array.from({ length: N }, (_, id) => id);
    const last = trace.iterations.length - 1;
    assertNear(await memory.rows(last + 1, all), trace.bank_after.flat(), 'rows');
    assert.equal(dispatcher.state.ledger.committed, plan.ids.length);

    // The same step told again: the memory answers as before, and nothing moves.
    const change = await memory.change(last);
    assert.deepEqual(await memory.change(last), change);
    await strategy.stepApplied(last, 0);
    await assertStep(last);
    const figures = readLines(out, 'metrics.jsonl').filter(({ metric }) => metric === 'dc_odc');
    assert.deepEqual(
      figures.map(({ changeRatio }) => changeRatio),
      trace.iterations.map(({ change_ratio: ratio }) => ratio),
    );
    assert.deepEqual(
      figures.map(({ splits }) => splits),
      trace.iterations.map(
        ({ small_steps: steps }) => steps.filter(({ step }) => step === 'split').length,
      ),
    );
  } finally {
    service.stopAll('the test is over', 0);
    await Promise.all(workers);
    reached.close();
    await Promise.all([coordinator, ...servers].map((server) => server.stop(1000)));
    run.close();
    taken.release();
  }
}
