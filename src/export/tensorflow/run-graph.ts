/** A TensorFlow graph on the probe's images, by TensorFlow.js on an engine of this process. */
import * as tf from '@tensorflow/tfjs';
import type { Engine } from '../../engine/engine.ts';
import { scaledImages, type Outputs, type Probe } from '../probe.ts';

/** As the library takes a model: operations, list of constants, and their values end to end. */
export interface TfjsModel {
  readonly modelTopology: object;
  readonly weightSpecs: tf.io.WeightsManifestEntry[];
  readonly weightData: ArrayBuffer;
  readonly signature: object;
}

/** @param names of the outputs that are wanted */
export function runGraph(
  engine: Engine,
  model: TfjsModel,
  probe: Probe,
  names: readonly string[],
): Outputs {
  const { count, size } = probe;
  return engine.run(() => {
    const loaded = tf.loadGraphModelSync(tf.io.fromMemorySync({ ...model, format: 'graph-model' }));
    const images = tf.tensor4d(scaledImages(probe, 'NHWC'), [count, size, size, 3]);
    let made: tf.Tensor[] = [];
    try {
      made = tf.tidy(() => [loaded.execute({ images }, [...names])].flat());
      return new Map(names.map((name, i) => [name, made[i]!.dataSync().slice()]));
    } finally {
      tf.dispose([images, ...made]);
      loaded.dispose();
    }
  });
}
