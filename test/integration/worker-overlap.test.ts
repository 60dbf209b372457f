/**
 * The device never waits for views that can be made in time: while a slice's gradient is computed,
 * which blocks the worker's thread, the views of the next one are made, within a unit as from step
 * to step. Read off the worker's trace.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { createImageLoader } from '../../src/data/loader/loader.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import type { Order__Output } from '../../src/rpc/generated/deepcluster/v1/Order.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { openTrace } from '../../src/telemetry/trace.ts';
import type { SliceSamples } from '../../src/work/tools.ts';
import { trainSlice } from '../../src/work/train-slice.ts';
import { WorkerLoop, type WorkerDeps } from '../../worker/loop.ts';
import { noiseJpeg, writeFiles } from '../support/made/data-images.ts';
import { FEATURES, plainCompute, SIDE, temporaryFolder } from '../support/runs/in-process-run.ts';
import { PLAIN_LAYOUT } from '../support/made/layouts.ts';
import { orderMessage } from '../support/made/order-message.ts';
import { eventsOf, type Span } from '../support/runs/trace-events.ts';

const STEPS = 5;
const IMAGES = 8;

const folder = temporaryFolder();
after(folder.remove);

/** Images of step i: others than those of its neighbours. */
function samplesOf(step: number): SliceSamples {
  const ids = Int32Array.from({ length: IMAGES }, (_, i) => (step % 2) * IMAGES + i);
  const zeros = ids.map(() => 0);
  return {
    ...{ ids, occurrences: zeros, pseudoLabels: zeros },
    ...{ lossWeights: new Float32Array(0), furtherLabels: new Int32Array(0) },
  };
}

function orderOf(step: number): Order__Output {
  const parts = [{ slice: 0, samples: samplesOf(step) }];
  const upcoming = step + 1 < STEPS ? [{ slice: 0, samples: samplesOf(step + 1) }] : [];
  const unit = { slice: 0, slices: 1, stepSlices: 1 };
  const content = { step, ...unit, parts, upcoming, centroidVersion: 0, local: null };
  return orderMessage(trainSlice, content, { leaseId: `step-${step}`, parameterVersion: step });
}

/** A step whose slices are all of one unit. */
function wholeStep(): Order__Output {
  const parts = Array.from({ length: STEPS }, (_, slice) => ({ slice, samples: samplesOf(slice) }));
  const unit = { slice: 0, slices: STEPS, stepSlices: STEPS };
  const content = { step: 0, ...unit, parts, upcoming: [], centroidVersion: 0, local: null };
  return orderMessage(trainSlice, content, { leaseId: 'unit', parameterVersion: 0 });
}

/** Keeps the thread for a while, as an engine does. */
function busy(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** Views and passes of the slices of these orders, in their order. */
async function spansOfOrders(
  t: TestContext,
  name: string,
  orders: readonly Order__Output[],
): Promise<{ views: Span[]; passes: Span[] }> {
  // Photos of a size that takes the decoder some time.
  const photo = await noiseJpeg(900, 600);
  const files = Array.from({ length: 2 * IMAGES }, (_, i) => [`${i}.jpg`, photo] as const);
  const images = join(folder.path, name);
  await writeFiles(images, Object.fromEntries(files));
  const source = await openImageSource(images);
  const config = runConfigSchema().parse({
    data: { imageSize: SIDE, cacheBytes: 0 },
    model: { architecture: 'resnet50' },
  });
  const path = join(folder.path, `${name}.json`);
  const trace = openTrace(path, {
    processName: 'worker',
    onFailure: (error) => assert.fail(String(error)),
  });
  const loader = createImageLoader({
    source,
    config: config.data,
    seed: 1,
    threads: 1,
    onMade: (_thread, { beginUs, endUs }) => trace.beside('views', beginUs, endUs),
  });
  t.after(() => loader.close());
  await loader.centre(samplesOf(0).ids); // the thread has started
  const startedMs = performance.now();
  await loader.centre(samplesOf(0).ids);
  const computeMs = 5 * (performance.now() - startedMs);

  const { model } = plainCompute({ beforeGradient: () => busy(computeMs) });
  await runOrders(orders, { config, source, loader, trace, model });
  trace.close();

  const views = spansOf(path, 'b', 'views').slice(2); // the first two were made to measure
  const passes = spansOf(path, 'X', 'lossAndGradient');
  assert.deepEqual([views.length, passes.length], [STEPS, STEPS]);
  return { views, passes };
}

test('views of the next slice are made within the gradient of the present one', async (t) => {
  const orders = Array.from({ length: STEPS }, (_, step) => orderOf(step));
  const { views, passes } = await spansOfOrders(t, 'steps', orders);
  for (let step = 1; step < STEPS; step += 1) {
    const [made, before] = [views[step]!, passes[step - 1]!];
    // Those of step 1 are begun with those of step 0, and may be done before it has its thread.
    if (step > 1) {
      assert.ok(made.beginUs > passes[step - 2]!.endUs, `views ${step} made too early`);
      assert.ok(made.endUs > before.beginUs, `views ${step} made before the pass, not within it`);
    }
    assert.ok(made.endUs < before.endUs, `views ${step} made after the pass before`);
  }
});

test('within a unit, views are made two slices ahead and no more', async (t) => {
  const { views, passes } = await spansOfOrders(t, 'unit', [wholeStep()]);
  for (let slice = 1; slice < STEPS; slice += 1) {
    const made = views[slice]!;
    if (slice > 2) {
      assert.ok(made.beginUs > passes[slice - 3]!.endUs, `views ${slice} made too early`);
    }
    assert.ok(made.endUs < passes[slice - 1]!.endUs, `views ${slice} made after the pass before`);
  }
});

function spansOf(path: string, kind: 'X' | 'b', wanted: string): Span[] {
  return eventsOf(path, kind)
    .filter(({ name }) => name === wanted)
    .sort((a, b) => a.beginUs - b.beginUs);
}

type Given = Pick<WorkerDeps, 'config' | 'source' | 'loader' | 'trace' | 'model'>;

/** Gives the worker one order after the other, as a coordinator of one worker does. */
function runOrders(orders: readonly Order__Output[], given: Given): Promise<void> {
  const vectors = new Map([
    ['parameters', new Float32Array(PLAIN_LAYOUT.parameterCount)],
    ['statistics', new Float32Array(PLAIN_LAYOUT.statisticCount)],
  ]);
  return new Promise((resolve, reject) => {
    let done = 0;
    const loop = new WorkerLoop({
      ...given,
      identity: { workerId: 'worker-0', incarnation: '1' },
      layout: PLAIN_LAYOUT,
      featureDim: FEATURES,
      clustering: FLOAT64_KERNELS,
      representationDim: FEATURES,
      memory: {
        fill: () => Promise.reject(new Error('no sample memory is needed')),
        rows: () => Promise.reject(new Error('no sample memory is needed')),
      },
      coordinator: {
        artifact: () => Promise.reject(new Error('no artifact is needed')),
        submit: ({ failure }) => {
          done += 1;
          if (failure) reject(new Error(failure.message));
          else if (done === orders.length) resolve();
          else setImmediate(() => loop.take(orders[done]!));
          return Promise.resolve({ outcome: 'ACCEPTED' });
        },
      },
      parameters: {
        pull: (version) => Promise.resolve({ version, headEpoch: 0, vectors }),
        push: () => Promise.resolve({ outcome: 'staged', version: done }),
      },
      advance: () => undefined,
      logger: createLogger({ component: 'test', level: 'error' }),
      signal: new AbortController().signal,
    });
    loop.take(orders[0]!);
  });
}
