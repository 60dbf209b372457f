/** `deepcluster embed`: features and clusters of any images, by a run's network. */
import { Option, type Command } from 'commander';
import { LAYERS, type Layer } from '../../../embedding/layers.ts';
import { addEmbeddingOptions, runEmbedding, type EmbeddingOptions } from '../../embedding.ts';
import type { Terminal } from '../../terminal.ts';

interface EmbedOptions extends EmbeddingOptions {
  readonly layer: Layer;
}

export function addEmbedCommand(program: Command, terminal: Terminal): void {
  addEmbeddingOptions(program.command('embed'), ['npy', 'parquet', 'csv'])
    .description('write features, cluster and distance of any images into a file')
    .addOption(
      new Option(
        '--layer <name>',
        'what of the network: the representation, the feature that is clustered, or its whitened row',
      )
        .choices(LAYERS)
        .default('representation'),
    )
    .action((options: EmbedOptions) => runEmbedding('embed', options, options.layer, terminal));
}
