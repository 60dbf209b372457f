/**
 * The format `tfjs`: a folder with `model.json` and shards of weights, a graph model of
 * TensorFlow.js. Read back, the graph is run by TensorFlow.js on the engine.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { io } from '@tensorflow/tfjs';
import type { ExportContent } from '../content.ts';
import type { ExportFormat } from '../format.ts';
import { requireSame } from '../probe.ts';
import { graphOf, withoutValues, type GraphConstant } from './graph.ts';
import { runGraph, type TfjsModel } from './run-graph.ts';
import { graphJson, type DataType } from './schema.ts';

const MODEL_FILE = 'model.json';
/** As TensorFlow.js's own converter cuts them, for browsers to cache. */
const SHARD_BYTES = 4 * 1024 * 1024;

export const TFJS: ExportFormat = {
  name: 'tfjs',
  isFolder: true,
  says: 'a graph model for TensorFlow.js',
  encode: (content) => {
    const { graph, signature, outputs } = graphOf(content, 'DT_INT32');
    const { graph: topology, constants } = withoutValues(graph);
    const shards = inShards(constants.map(({ tensor }) => tensor.tensorContent));
    const paths = shards.map((_, i) => `group1-shard${i + 1}of${shards.length}.bin`);
    const model: ModelFile = {
      ...{ format: 'graph-model', generatedBy: content.facts['producer']!, convertedBy: null },
      ...{ modelTopology: graphJson(topology), signature },
      userDefinedMetadata: content.facts,
      weightsManifest: [{ paths, weights: constants.map(weightSpec) }],
    };
    const json = Buffer.from(JSON.stringify(model));
    const files = shards.map((chunks, i) => ({ path: paths[i]!, chunks }));
    return { files: [{ path: MODEL_FILE, chunks: [json] }, ...files], outputs };
  },
  readBack: async (path, { probe }) => {
    const model = await readModel(path);
    const { engine, probe: expected } = await probe();
    const outputs = runGraph(engine, model, expected, [...expected.outputs.keys()]);
    const difference = requireSame(outputs, expected, 'TensorFlow.js');
    return { says: 'TensorFlow.js makes of four images the same as the engine', difference };
  },
};

interface ModelFile {
  readonly format: string;
  readonly generatedBy: string;
  readonly convertedBy: null;
  readonly modelTopology: object;
  readonly signature: object;
  readonly userDefinedMetadata: ExportContent['facts'];
  readonly weightsManifest: readonly [
    { readonly paths: readonly string[]; readonly weights: io.WeightsManifestEntry[] },
  ];
}

async function readModel(folder: string): Promise<TfjsModel> {
  const text = await readFile(join(folder, MODEL_FILE), 'utf8');
  const { modelTopology, signature, weightsManifest } = JSON.parse(text) as ModelFile;
  const [{ paths, weights }] = weightsManifest;
  const shards = await Promise.all(paths.map((path) => readFile(join(folder, path))));
  return { modelTopology, signature, weightSpecs: weights, weightData: joined(shards) };
}

/** End to end in memory of its own. */
export function joined(parts: readonly Uint8Array[]): ArrayBuffer {
  const bytes = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes.buffer;
}

const WEIGHT_TYPES: Readonly<Record<DataType, 'float32' | 'int32'>> = {
  DT_FLOAT: 'float32',
  DT_INT32: 'int32',
  DT_INT64: 'int32',
};

export function weightSpec({ name, tensor }: GraphConstant): io.WeightsManifestEntry {
  const shape = tensor.tensorShape.dim.map(({ size }) => size);
  return { name, shape, dtype: WEIGHT_TYPES[tensor.dtype] };
}

/** The arrays end to end, cut every so many bytes; pieces are views. */
function inShards(arrays: readonly Uint8Array[]): Uint8Array[][] {
  const shards: Uint8Array[][] = [];
  let room = 0;
  for (const array of arrays) {
    for (let at = 0; at < array.length;) {
      if (room === 0) {
        shards.push([]);
        room = SHARD_BYTES;
      }
      const piece = array.subarray(at, at + room);
      shards.at(-1)!.push(piece);
      at += piece.length;
      room -= piece.length;
    }
  }
  return shards;
}
