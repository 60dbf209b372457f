/**
 * The format `savedmodel`: a folder with `saved_model.pb`, the graph with its arrays as constants
 * and the signature `serving_default`. Read back, the graph is run by TensorFlow.js on the
 * engine.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportFormat } from '../format.ts';
import { differs, requireSame } from '../probe.ts';
import { graphOf, withoutValues } from './graph.ts';
import { runGraph, type TfjsModel } from './run-graph.ts';
import { decodeSavedModel, encodeSavedModel, graphJson, type SavedModel } from './schema.ts';
import { joined, weightSpec } from './tfjs-format.ts';

const MODEL_FILE = 'saved_model.pb';
const SIGNATURE = 'serving_default';

export const SAVED_MODEL: ExportFormat = {
  name: 'savedmodel',
  isFolder: true,
  says: 'a SavedModel for TensorFlow',
  encode: (content) => {
    const { graph: graphDef, signature, outputs } = graphOf(content, 'DT_INT64');
    const metaInfoDef = { tags: ['serve'], tensorflowVersion: '2.12.0' };
    const bytes = encodeSavedModel({
      savedModelSchemaVersion: 1,
      metaGraphs: [{ metaInfoDef, graphDef, signatureDef: { [SIGNATURE]: signature } }],
    });
    return { files: [{ path: MODEL_FILE, chunks: [bytes] }], outputs };
  },
  readBack: async (path, { probe }) => {
    const model = modelOf(decodeSavedModel(await readFile(join(path, MODEL_FILE))));
    const { engine, probe: expected } = await probe();
    const outputs = runGraph(engine, model, expected, [...expected.outputs.keys()]);
    const difference = requireSame(outputs, expected, 'TensorFlow.js');
    return { says: 'TensorFlow.js makes of four images the same as the engine', difference };
  },
};

function modelOf({ metaGraphs: [metaGraph] }: SavedModel): TfjsModel {
  if (metaGraph === undefined) throw differs('its decoder', 'it has no graph');
  const { graph, constants } = withoutValues(metaGraph.graphDef);
  return {
    modelTopology: graphJson(graph),
    signature: metaGraph.signatureDef[SIGNATURE]!,
    weightSpecs: constants.map(weightSpec),
    weightData: joined(constants.map(({ tensor }) => tensor.tensorContent)),
  };
}
