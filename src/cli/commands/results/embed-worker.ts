/**
 * `deepcluster embed-worker`: a process that computes blocks for `embed` and `assign`, which
 * start it; no help shows it.
 */
import type { Command } from 'commander';
import type { EngineChoice } from '../../../engine/registry.ts';
import { armFailpointsFrom } from '../../../process/failpoint-setting.ts';
import { engineOption, positiveInteger } from '../../options.ts';
import type { Terminal } from '../../terminal.ts';

interface EmbedWorkerOptions {
  readonly parts: string;
  readonly data: string;
  readonly engine: EngineChoice;
  readonly batch: number;
}

export function addEmbedWorkerCommand(program: Command, terminal: Terminal): void {
  program
    .command('embed-worker', { hidden: true })
    .requiredOption('--parts <dir>', 'folder of the parts')
    .requiredOption('--data <source>', 'folder or list file of images')
    .addOption(engineOption('tensor engine').default('auto'))
    .requiredOption('--batch <n>', 'images at a time', positiveInteger)
    .action(async ({ parts, data, engine, batch }: EmbedWorkerOptions) => {
      armFailpointsFrom(terminal.env);
      const { serveBlocks } = await import('../../../embedding/block-worker.ts');
      await serveBlocks({ parts, data, engine, batchImages: batch });
    });
}
