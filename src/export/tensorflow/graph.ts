/**
 * The network as a TensorFlow graph with its signature; and the graph cut in two, as
 * TensorFlow.js keeps it: the operations, and the values of its constants.
 */
import type { ExportContent } from '../content.ts';
import { engineArrays } from '../content.ts';
import type { GraphOutput } from '../graph/builder.ts';
import { drawNetwork } from '../graph/network.ts';
import { TensorflowBuilder, shapeOf } from './builder.ts';
import type { DataType, Graph, GraphNode, Signature, TensorInfo, TensorProto } from './schema.ts';

/** Version of the operations' meanings: TensorFlow 2.12 and later. */
const PRODUCER = 1395;

export interface DrawnGraph {
  readonly graph: Graph;
  readonly signature: Signature;
  readonly outputs: readonly GraphOutput[];
}

/** @param indexType of the numbers of clusters */
export function graphOf(content: ExportContent, indexType: DataType): DrawnGraph {
  const { spec, clusters, hasHead } = content;
  const { imageSize: side } = spec;
  const builder = new TensorflowBuilder(side, indexType);
  drawNetwork(builder, { spec, weights: engineArrays(content), clusters, hasLogits: hasHead });
  const info = (name: string, dtype: DataType, shape: readonly number[]): TensorInfo => ({
    ...{ name: `${name}:0`, dtype, tensorShape: shapeOf([-1, ...shape]) },
  });
  const outputs = builder.described.map(
    (output) => [output.name, info(output.name, builder.typeOf(output), output.shape)] as const,
  );
  return {
    graph: { node: builder.nodes, versions: { producer: PRODUCER } },
    signature: {
      inputs: { images: info(builder.images, 'DT_FLOAT', [side, side, 3]) },
      outputs: Object.fromEntries(outputs),
      methodName: 'tensorflow/serving/predict',
    },
    outputs: builder.described,
  };
}

/** A constant by the name of its node. */
export interface GraphConstant {
  readonly name: string;
  readonly tensor: TensorProto;
}

/** The operations without the values of the constants, and these. */
export function withoutValues(graph: Graph): { graph: Graph; constants: GraphConstant[] } {
  const constants: GraphConstant[] = [];
  const node = graph.node.map((entry): GraphNode => {
    const value = entry.attr['value'];
    if (value === undefined || !('tensor' in value)) return entry;
    constants.push({ name: entry.name, tensor: value.tensor });
    const { dtype, tensorShape } = value.tensor;
    const tensor = { dtype, tensorShape, tensorContent: new Uint8Array(0) };
    return { ...entry, attr: { ...entry.attr, value: { tensor } } };
  });
  return { graph: { ...graph, node }, constants };
}
