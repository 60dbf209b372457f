/**
 * The format `onnx`: one file with the whole graph, normalisation included. Read back, it goes
 * through onnxruntime-web where that is installed; elsewhere its arrays are compared.
 */
import { readFile } from 'node:fs/promises';
import type { ArrayData, NamedArray } from '../../arrays/safetensors.ts';
import { bytesOf, isSameData } from '../bits.ts';
import { pytorchArrays, type ExportContent } from '../content.ts';
import type { ExportFormat } from '../format.ts';
import type { GraphOutput } from '../graph/builder.ts';
import { drawNetwork } from '../graph/network.ts';
import { differs, requireSame } from '../probe.ts';
import { OPSET, OnnxBuilder, valueInfo } from './builder.ts';
import { loadRuntime, runModel } from './run-model.ts';
import {
  ELEMENT_TYPES,
  decodeModel,
  encodeModel,
  type OnnxModel,
  type OnnxTensor,
} from './schema.ts';

/** That of opset 17's time. */
const IR_VERSION = 8;

export const ONNX: ExportFormat = {
  name: 'onnx',
  isFolder: false,
  says: 'one graph from images to features for ONNX Runtime',
  encode: (content) => {
    const { builder, model } = drawn(content);
    const bytes = encodeModel(model);
    return { files: [{ path: '', chunks: [bytes] }], outputs: builder.described };
  },
  readBack: async (path, { content, probe }) => {
    const bytes = await readFile(path);
    const runtime = await loadRuntime();
    if (runtime === null) {
      requireSameArrays(decodeModel(bytes), drawn(content).builder.arrays);
      return {
        says: 'its arrays are those of the run, bit for bit; onnxruntime-web is not installed, so the graph was not run',
        difference: null,
      };
    }
    const { probe: expected } = await probe();
    const names = [...expected.outputs.keys()];
    const outputs = await runModel(runtime, bytes, expected, names);
    const difference = requireSame(outputs, expected, 'onnxruntime-web');
    const says = 'onnxruntime-web makes of four images the same as the engine';
    return { says, difference };
  },
};

/**
 * The same graph up to the rows that are compared with centroids, as its output `row` [N, d]: of a
 * page that has the centroids besides, and tells of the second cluster too.
 */
export function encodeRows(content: ExportContent): Uint8Array {
  return encodeModel(drawn(content, true).model);
}

function drawn(
  content: ExportContent,
  endsAtRows = false,
): { builder: OnnxBuilder; model: OnnxModel } {
  const { spec, clusters, hasHead, facts } = content;
  const builder = new OnnxBuilder();
  const weights = pytorchArrays(content);
  drawNetwork(builder, { spec, weights, clusters, endsAtRows, hasLogits: hasHead });
  const { imageSize: size } = spec;
  const says = 'RGB from 0 to 1, resized and cropped; normalised inside';
  const model: OnnxModel = {
    irVersion: IR_VERSION,
    producerName: 'deepcluster-ps',
    producerVersion: facts['producer']!.split(' ')[1]!,
    docString: `${spec.architecture} of run ${facts['runId']!} at step ${facts['step']!}`,
    graph: {
      name: spec.architecture,
      node: builder.nodes,
      initializer: [...builder.arrays].map(([name, array]) => tensorOf(name, array)),
      input: [valueInfo(builder.images, ELEMENT_TYPES.float32, [3, size, size], says)],
      output: builder.described.map((output: GraphOutput) =>
        valueInfo(output.name, ELEMENT_TYPES[output.type], output.shape, output.says),
      ),
    },
    opsetImport: [{ domain: '', version: OPSET }],
    metadataProps: Object.entries(facts).map(([key, value]) => ({ key, value })),
  };
  return { builder, model };
}

function tensorOf(name: string, { data, shape }: NamedArray): OnnxTensor {
  return { name, dims: shape, dataType: ELEMENT_TYPES.float32, rawData: bytesOf(data) };
}

function requireSameArrays(model: OnnxModel, arrays: ReadonlyMap<string, NamedArray>): void {
  const read = new Map(model.graph.initializer.map((tensor) => [tensor.name, tensor.rawData]));
  const isSame = (name: string, data: ArrayData): boolean => isSameData(read.get(name), data);
  const other = [...arrays].find(([name, { data }]) => !isSame(name, data));
  if (other !== undefined) throw differs('its decoder', `array ${other[0]} differs`);
}
