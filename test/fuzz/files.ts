/** What is fuzzed of files: checkpoints and their parts, PyTorch's, configurations, lists of images, images. */
import { startCheckpoints, startManifests, startSafetensors } from './checkpoint-files.ts';
import type { FuzzTarget } from './engine.ts';
import { MEBIBYTE } from './file-outcomes.ts';
import { startImages } from './image-files.ts';
import { startConfigs, startLists, startRunConfigs } from './text-files.ts';
import { startTorchFiles } from './torch-files.ts';

export const FILE_TARGETS: readonly FuzzTarget[] = [
  { ...file('safetensors', 3), start: startSafetensors },
  { ...file('torch-files', 3), start: startTorchFiles },
  { ...file('manifests', 2), start: startManifests },
  { ...file('checkpoints', 3), start: startCheckpoints },
  { ...file('configs', 3), start: startConfigs },
  { ...file('run-configs', 2), start: startRunConfigs },
  { ...file('lists', 3), start: startLists },
  { ...file('images', 6, 256), start: startImages },
];

function file(name: string, weight: number, mebibytes = 64) {
  return { name, kind: 'files' as const, weight, memoryBytes: mebibytes * MEBIBYTE };
}
