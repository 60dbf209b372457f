/** `deepcluster assign`: the clusters of any images, by a run's network. */
import type { Command } from 'commander';
import { addEmbeddingOptions, runEmbedding, type EmbeddingOptions } from '../../embedding.ts';
import type { Terminal } from '../../terminal.ts';

export function addAssignCommand(program: Command, terminal: Terminal): void {
  addEmbeddingOptions(program.command('assign'), ['parquet', 'csv'])
    .description('write cluster, distance and second cluster of any images into a file')
    .action((options: EmbeddingOptions) => runEmbedding('assign', options, null, terminal));
}
