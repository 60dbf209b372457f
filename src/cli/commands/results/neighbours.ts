/**
 * `deepcluster neighbours`: images like one, images that are nearly the same, images like no
 * others.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { LAYERS, type Layer } from '../../../embedding/layers.ts';
import type { EngineChoice } from '../../../engine/registry.ts';
import type { Found } from '../../../neighbours/find.ts';
import { BATCH_IMAGES, withEmbeddingView, type EmbeddingView } from '../../embedding.ts';
import { engineOption, positiveInteger } from '../../options.ts';
import { printJson, printLines, type Terminal } from '../../terminal.ts';

interface NeighboursOptions {
  readonly run: string;
  readonly query?: string;
  readonly k?: number;
  readonly duplicates?: boolean;
  readonly threshold: number;
  readonly layer: Layer;
  readonly outliers?: boolean;
  readonly data?: string;
  readonly out?: string;
  readonly engine: EngineChoice;
  readonly workers?: number;
  readonly json?: boolean;
}

const NEIGHBOURS = 10;
const OUTLIERS = 50;
const THRESHOLD = 0.02;

export function addNeighboursCommand(program: Command, terminal: Terminal): void {
  program
    .command('neighbours')
    .description('find images like one, images that are nearly the same, or images like no others')
    .requiredOption('--run <dir>', 'folder of a run, finished or not')
    .option('--query <image>', 'find the images nearest to this one, which may lie anywhere')
    .option('--duplicates', 'find groups of images that are nearly the same')
    .option('--outliers', 'find the images that are farthest from every cluster')
    .option('--k <n>', `images to find; ${NEIGHBOURS}, of outliers ${OUTLIERS}`, positiveInteger)
    .option('--threshold <distance>', 'greatest cosine distance of duplicates', distance, THRESHOLD)
    .addOption(
      new Option('--layer <name>', 'what of the network images are compared by')
        .choices(LAYERS)
        .default('whitened'),
    )
    .option('--data <source>', 'folder or list file of images; those of the run by default')
    .option('--out <dir>', 'folder to write the table and a page of pictures to')
    .option('--workers <n>', 'processes that compute features, the first time', positiveInteger)
    .addOption(engineOption('tensor engine').default('auto'))
    .option('--json', 'print one JSON object')
    .action(async (options: NeighboursOptions, command: Command) => {
      const { query, duplicates, outliers } = options;
      const asked = [query !== undefined, duplicates === true, outliers === true];
      if (asked.filter(Boolean).length !== 1) {
        command.error(
          "exactly one of '--query <image>', '--duplicates' and '--outliers' is needed",
        );
      }
      await withEmbeddingView('embed', terminal, (view) => runNeighbours(options, terminal, view));
    });
}

function distance(text: string): number {
  const value = Number(text);
  if (text !== '' && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError('Must be a number from 0 to below 1.');
}

async function runNeighbours(
  options: NeighboursOptions,
  terminal: Terminal,
  { hooks, surroundings, onPhase }: EmbeddingView,
): Promise<void> {
  const { data = null, engine, workers = null, query, duplicates, threshold } = options;
  const { openRun } = await import('../../../run/open-run.ts');
  const { storedImages } = await import('../../../neighbours/stored-images.ts');
  const find = await import('../../../neighbours/find.ts');
  // The tensor library warns of each of its kernels that two engines have: nothing that a person
  // could act on.
  Object.assign(console, { warn: () => undefined });
  const run = await openRun(options.run);
  const layer = options.outliers === true ? null : options.layer;
  const stored = await storedImages(
    { run, data, layer, engine, workers, batchImages: BATCH_IMAGES },
    hooks,
    surroundings,
  );
  const { signal } = surroundings;
  let found: Found;
  if (query !== undefined) {
    found = await find.findLike(
      { image: query, k: options.k ?? NEIGHBOURS, run, layer: options.layer, engine },
      stored,
    );
  } else if (duplicates === true) {
    const onProgress = onPhase('compare', 'blocks');
    found = await find.findDuplicates(stored, { threshold, engine, onProgress, signal });
  } else {
    found = find.findOutliers(options.k ?? OUTLIERS, stored);
  }
  const lines = find.csvLines(found);
  const files: string[] = [];
  if (options.out !== undefined) {
    const { picturePage } = await import('../../../neighbours/picture-page.ts');
    const page = await picturePage(found.title, found.groups, stored.source, signal);
    mkdirSync(options.out, { recursive: true });
    const write = (name: string, content: string): void => {
      const file = join(options.out!, name);
      writeFileSync(file, content);
      files.push(file);
    };
    write('neighbours.csv', lines.map((line) => `${line}\n`).join(''));
    write('neighbours.html', page);
  }
  const { checkpoint } = run;
  if (options.json === true) {
    const images = stored.ids.length;
    printJson(terminal, { run: options.run, checkpoint, images, rows: found.rows, files });
  } else if (files.length > 0) {
    printLines(terminal, [`${found.title}: ${files.join(', ')}`]);
  } else {
    printLines(terminal, lines);
  }
}
