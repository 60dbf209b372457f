/**
 * Trains one network for many steps on one batch and watches what the process holds: tensors, and
 * resident memory. A leak shows as tensors that grow, or as memory that grows after the first
 * steps, when every buffer has been made once.
 *
 * node --import tsx bench/soak.ts --engine tensorflow --network resnet50 --batch 32 --steps 300
 * [--size 224]
 */
import { parseArgs } from 'node:util';
import { modelConfigSchema } from '../src/nn/config.ts';
import { describeModel } from '../src/nn/architectures.ts';
import type { EngineChoice } from '../src/engine/registry.ts';
import { startEngine } from '../src/engine/start.ts';
import { createModel } from '../src/nn/loaded-model.ts';
import { initialParameters, initialStatistics } from '../src/ps/initial-values.ts';

const CLASSES = 1000;
/** Steps after which no new buffer should be needed. */
const WARM_UP = 50;
const REPORT_EVERY = 25;

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'auto' },
    network: { type: 'string', default: 'resnet50' },
    batch: { type: 'string', default: '32' },
    size: { type: 'string', default: '224' },
    steps: { type: 'string', default: '300' },
  },
});
const [batch, size, steps] = [values.batch, values.size, values.steps].map(Number) as [
  number,
  number,
  number,
];
const engine = await startEngine(values.engine as EngineChoice);
console.error(engine.reason);
const config = modelConfigSchema.parse({
  architecture: values.network,
  sobel: values.network !== 'resnet50',
});
const spec = describeModel(config, size, CLASSES);
const model = createModel(spec, engine);
const images = Uint8Array.from(
  { length: batch * size * size * 3 },
  (_, i) => (i * 2_654_435_761) >>> 24,
);
const labels = Int32Array.from({ length: batch }, (_, i) => (i * 7) % CLASSES);
const parameters = initialParameters(spec.layout, 1);
const statistics = initialStatistics(spec.layout);

const history: { step: number; tensors: number; rssMiB: number; loss: number }[] = [];
const startMs = performance.now();
for (let step = 1; step <= steps; step += 1) {
  // As a worker does: new parameters each step, then the gradient out.
  model.load(parameters, statistics);
  const { lossSum, gradient } = model.lossAndGradient(images, labels, ['soak', step]);
  for (let i = 0; i < parameters.length; i += 1) {
    parameters[i] = parameters[i]! - (0.01 / batch) * gradient[i]!;
  }
  const rssMiB = process.memoryUsage.rss() / 2 ** 20;
  const point = { step, tensors: model.memory().tensors, rssMiB, loss: lossSum / batch };
  history.push(point);
  if (step % REPORT_EVERY === 0) console.error(JSON.stringify(point));
}
const seconds = (performance.now() - startMs) / 1000;

/** Largest resident memory of a stretch: single readings depend on when the collector last ran. */
const peak = (from: number, to: number) =>
  Math.max(...history.slice(from, to).map(({ rssMiB }) => rssMiB));
const warm = Math.min(WARM_UP, Math.floor(steps / 3));
const [before, after] = [
  peak(warm - Math.ceil(warm / 2), warm),
  peak(steps - Math.ceil(warm / 2), steps),
];
console.log(
  JSON.stringify({
    ...{
      engine: engine.name,
      version: engine.version,
      network: values.network,
      batch,
      size,
      steps,
    },
    tensors: { afterFirst: history[0]!.tensors, last: history.at(-1)!.tensors },
    rssMiB: { beforeStep: warm, warm: before, last: after, growth: after / before - 1 },
    loss: { first: history[0]!.loss, last: history.at(-1)!.loss },
    imagesPerSecond: (batch * steps) / seconds,
  }),
);
