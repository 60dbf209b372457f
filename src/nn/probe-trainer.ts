/**
 * The steps of a linear probe on an engine: for features of thousands of numbers, which take
 * minutes in float64 on one thread. What is minimised, and how the rate falls, is
 * src/evaluation/linear-probe.ts; this is a `ProbeTrainer` as it has them. Shapes: n rows, B of
 * them a step, W columns, C classes.
 */
import * as tf from '@tensorflow/tfjs';
import type { Engine } from '../engine/engine.ts';
import { gatherRows } from '../math/matrix.ts';

/** A compromise: the fewer, the more steps an epoch has, and the less of a step is work. */
const BATCH_ROWS = 64;
/** Enough for the largest eigenvalue of features that share what is common to all images. */
const CURVATURE_ROWS = 1024;

interface Rows {
  /** [n, W] */
  readonly rows: Float32Array;
  /** [n] */
  readonly labels: Int32Array;
  readonly width: number;
  readonly classes: number;
}

interface Descent {
  readonly rate: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

/** In float32; the engine must outlive it. */
export function probeTrainerOn(engine: Engine) {
  return {
    batchRows: BATCH_ROWS,
    curvatureRows: CURVATURE_ROWS,
    begin: (set: Rows) => new EngineFit(engine, set),
  };
}

class EngineFit {
  readonly #engine: Engine;
  readonly #set: Rows;
  /** [W, C] each; replaced by every step. */
  #weights: tf.Tensor2D;
  #velocity: tf.Tensor2D;

  constructor(engine: Engine, set: Rows) {
    this.#engine = engine;
    this.#set = set;
    const zeros = (): tf.Tensor2D => tf.zeros([set.width, set.classes]);
    [this.#weights, this.#velocity] = engine.run(() => [zeros(), zeros()]);
  }

  step(ids: Int32Array, { rate, momentum, weightDecay }: Descent): void {
    const { rows, labels, width } = this.#set;
    const { operations, products, tidy } = this.#engine;
    const [before, velocityBefore] = [this.#weights, this.#velocity];
    const own = ids.map((id) => labels[id]!);
    [this.#weights, this.#velocity] = tidy((): [tf.Tensor2D, tf.Tensor2D] => {
      const batch = tf.tensor2d(gatherRows(rows, ids, width), [ids.length, width]);
      const logits = products.multiply(batch, before);
      const { gradient: residuals } = operations.softmaxCrossEntropy(logits, own, null);
      const mean = tf.div(products.multiply(batch, residuals, true), ids.length);
      const gradient = tf.add(mean, tf.mul(before, weightDecay));
      const velocity: tf.Tensor2D = tf.add(tf.mul(velocityBefore, momentum), gradient);
      return [tf.sub(before, tf.mul(velocity, rate)), velocity];
    });
    tf.dispose([before, velocityBefore]);
  }

  logits(rows: Float32Array): Float32Array {
    const { width } = this.#set;
    const { products, run } = this.#engine;
    return run(() => {
      const batch = tf.tensor2d(rows, [rows.length / width, width]);
      const logits = products.multiply(batch, this.#weights);
      const values = logits.dataSync<'float32'>().slice();
      tf.dispose([batch, logits]);
      return values;
    });
  }

  end(): void {
    tf.dispose([this.#weights, this.#velocity]);
  }
}
