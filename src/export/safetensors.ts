/**
 * The format `safetensors`: every array under the name, and in the shape, of the PyTorch modules
 * that bench/peers has.
 */
import { readFile } from 'node:fs/promises';
import { decodeSafetensors, safetensorsChunks, type NamedArrays } from '../arrays/safetensors.ts';
import { fromPytorch, type PytorchArrays } from '../nn/pytorch-names.ts';
import { isSameData } from './bits.ts';
import {
  clusterArrays,
  exportedLayout,
  exportedParameters,
  pytorchArrays,
  type ExportContent,
} from './content.ts';
import type { ExportFormat } from './format.ts';
import { differs } from './probe.ts';

export const SAFETENSORS: ExportFormat = {
  name: 'safetensors',
  isFolder: false,
  says: "arrays with PyTorch's names and shapes",
  encode: (content) => {
    const chunks = safetensorsChunks(arraysOf(content), { format: 'pt', ...content.facts });
    return { files: [{ path: '', chunks }], outputs: [] };
  },
  readBack: async (path, { content }) => {
    const what = `export ${path}`;
    const { arrays } = decodeSafetensors(await readFile(path), { what, code: 'INTERNAL' });
    requireSameWeights(arrays, content);
    for (const [name, { data }] of Object.entries(clusterArraysOf(content))) {
      if (!isSameData(arrays[name]?.data, data))
        throw differs('its decoder', `array ${name} differs`);
    }
    return { says: 'every array is that of the run, bit for bit', difference: null };
  },
};

function arraysOf(content: ExportContent): NamedArrays {
  return { ...pytorchArrays(content), ...clusterArraysOf(content) };
}

function clusterArraysOf({ clusters }: ExportContent): NamedArrays {
  return clusters === null ? {} : clusterArrays(clusters);
}

/** Back to the engine's order, and compared with the run's own vectors. */
function requireSameWeights(arrays: NamedArrays, content: ExportContent): void {
  const layout = exportedLayout(content);
  const read = fromPytorch({ layers: content.spec.layers, layout }, arrays as PytorchArrays);
  for (const [what, got, expected] of [
    ['parameters', read.parameters, exportedParameters(content)],
    ['statistics', read.statistics, content.run.statistics],
  ] as const) {
    if (!isSameData(got, expected)) throw differs('its decoder', `the ${what} differ`);
  }
}
