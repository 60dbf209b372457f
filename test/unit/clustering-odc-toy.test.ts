/**
 * Online Deep Clustering as a whole, on a problem where it is known what must come out: eight groups in twelve of 32 dimensions,
 * 24 classes, a small network. Source: spec of ODC, section 12, whose bounds were measured with an independent script.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizedMutualInformation } from '../../src/clustering/agreement.ts';
import { kmeans } from '../../src/clustering/kmeans.ts';
import { sampleWeights } from '../../src/clustering/odc/loss-weights.ts';
import { mixAndAssign, normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { consecutiveSamples } from '../../src/clustering/odc/sample-memory.ts';
import { drawOdcEpoch } from '../../src/clustering/odc/sampler.ts';
import {
  sizeStatistics,
  summariseInterval,
  type StepStatistics,
} from '../../src/clustering/odc/statistics.ts';
import { beginOdc } from '../../src/clustering/reference/odc-step.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';
import { softmaxLoss } from '../../src/engine/plain/softmax-loss.ts';
import { odcSettings } from '../support/oracles/odc-fixtures.ts';
import { BatchNorm, Dense, Gate, type ToyLayer } from '../support/made/toy-network.ts';

const N = 1500;
const GROUPS = 8;
const MEANINGFUL = 12;
const WIDTH = 32;
const K = 24;
const DIM = 32;
const BATCH = 96;
const STEPS = 500;
const BODY_RULE = { learningRate: 0.05, momentum: 0.9, weightDecay: 1e-5 };
const HEAD_RULE = { ...BODY_RULE, momentum: 0 };

test('NMI to truth rises, the change ratio falls but not to 0, no class is empty', () => {
  const rng = seededRng('toy', 1);
  const { points, truth } = makePoints(rng);
  const { body, head } = makeNetwork(rng);
  const ids = Int32Array.from({ length: N }, (_, id) => id);
  const features = Float32Array.from(forward(body, points, false));
  const start = kmeans(normaliseRows(features, DIM), N, DIM, K, {
    iterations: 20,
    seed: 1,
  });
  const settings = odcSettings({ clusters: K, dim: DIM, minSize: 10 });
  const { state } = beginOdc(settings, features, start.labels, [consecutiveSamples(0, N)]);

  const outcomes: StepStatistics[] = [];
  for (let epoch = 0; outcomes.length < STEPS; epoch += 1) {
    const draws = drawOdcEpoch({ ids, seed: 1, epoch, withReplacement: true });
    for (let begin = 0; begin + BATCH <= N && outcomes.length < STEPS; begin += BATCH) {
      const batch = draws.slice(begin, begin + BATCH);
      const order = state.orderFor(batch);
      const fresh = forward(body, viewsOf(points, batch, rng), true);
      const logits = Float32Array.from(head.forward(fresh));
      const weights = sampleWeights([order.pseudoLabels], state.clusters.weights, 'step')[0]!;
      const { gradient } = softmaxLoss(logits, order.pseudoLabels, K, weights);
      backward(body, head.backward(Float64Array.from(gradient, (value) => value / BATCH)));
      for (const layer of body) layer.step(BODY_RULE);
      head.step(HEAD_RULE);
      const { centroids } = state.clusters;
      const mixed = mixAndAssign(order.rows, Float32Array.from(fresh), centroids, 0.5);
      const outcome = state.commit(order.step, [{ slice: 0, ids: batch, ...mixed }]);
      assert.ok(outcome.kind === 'applied');
      outcomes.push(outcome);
    }
  }

  const before = normalizedMutualInformation(start.labels, truth);
  const after = normalizedMutualInformation(state.clusters.pseudoLabels, truth);
  assert.ok(after - before >= 0.25, `NMI ${before} to ${after}`);
  const early = summariseInterval(outcomes.slice(0, 50)).changeRatio;
  const late = summariseInterval(outcomes.slice(-50)).changeRatio;
  assert.ok(late <= 0.4 && late < 0.75 * early && late > 0.05, `change ratio ${early} to ${late}`);
  const { empty, perplexity } = sizeStatistics(state.clusters.sizes);
  assert.equal(empty, 0);
  assert.ok(perplexity > 0.8 * K, `perplexity ${perplexity}`);
});

/** Groups around random means, and dimensions that tell nothing. */
function makePoints(rng: Rng): { points: Float64Array; truth: Int32Array } {
  const means = Float64Array.from({ length: GROUPS * MEANINGFUL }, () => 1.2 * rng.normal());
  const truth = Int32Array.from({ length: N }, () => rng.integer(GROUPS));
  const points = Float64Array.from({ length: N * WIDTH }, (_, i) => {
    const j = i % WIDTH;
    if (j >= MEANINGFUL) return 0.8 * rng.normal();
    return means[truth[Math.floor(i / WIDTH)]! * MEANINGFUL + j]! + 0.6 * rng.normal();
  });
  return { points, truth };
}

/** Fresh noise at every view: little where the groups are, much elsewhere. */
function viewsOf(points: Float64Array, ids: Int32Array, rng: Rng): Float64Array {
  return Float64Array.from({ length: ids.length * WIDTH }, (_, i) => {
    const j = i % WIDTH;
    const noise = (j < MEANINGFUL ? 0.4 : 1.6) * rng.normal();
    return points[ids[Math.floor(i / WIDTH)]! * WIDTH + j]! + noise;
  });
}

function makeNetwork(rng: Rng): { body: ToyLayer[]; head: Dense } {
  const dense = (from: number, to: number): Dense => new Dense(from, to, Math.sqrt(2 / from), rng);
  const body = [
    ...[dense(WIDTH, 96), new BatchNorm(96), new Gate(0, rng)],
    ...[dense(96, 64), new BatchNorm(64), new Gate(0.5, rng)],
    ...[dense(64, DIM), new Gate(0, rng)],
  ];
  return { body, head: new Dense(DIM, K, 0.01, rng) };
}

function forward(
  layers: readonly ToyLayer[],
  input: Float64Array,
  isTraining: boolean,
): Float64Array {
  return layers.reduce((values, layer) => layer.forward(values, isTraining), input);
}

function backward(layers: readonly ToyLayer[], gradient: Float64Array): void {
  layers.reduceRight((values, layer) => layer.backward(values), gradient);
}
