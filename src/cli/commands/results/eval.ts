/**
 * `deepcluster eval`: what a saved run's clusters and features are worth, beside the network as
 * it was initialised.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { TrainerError, messageOf } from '../../../errors.ts';
import type { EngineChoice } from '../../../engine/registry.ts';
import { ownLoaderThreads } from '../../../launch/machine.ts';
import { createProgressView } from '../../../telemetry/progress-view.ts';
import { evaluationTable } from '../../evaluation-table.ts';
import { engineOption, positiveInteger } from '../../options.ts';
import { printJson, printLines, type Terminal } from '../../terminal.ts';

type Layers = 'all' | 'none' | readonly string[];

interface EvalOptions {
  readonly run: string;
  readonly data: string;
  readonly engine: EngineChoice;
  readonly threads?: number;
  readonly layers?: Layers;
  readonly perClass?: readonly number[];
  readonly maxImages?: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function addEvalCommand(program: Command, terminal: Terminal): void {
  program
    .command('eval')
    .description("what a run's clusters and features are worth, with classes or without")
    .requiredOption('--run <dir>', 'folder of the run')
    .requiredOption(
      '--data <source>',
      'images: a folder or a list file; class sub-folders are the truth',
    )
    .addOption(engineOption('tensor engine').default('auto'))
    .option('--threads <n>', 'compute threads; all cores by default', positiveInteger)
    .option(
      '--layers <names>',
      'layers to probe: all, none, or such as conv1,conv3; by default at most five of them',
      layerNames,
    )
    .option(
      '--per-class <counts>',
      'probe by so many labelled images of each class, too, such as 1,5,20',
      counts,
    )
    .option('--max-images <n>', 'images at most (evaluation.maxImages of the run)', positiveInteger)
    .option('--out <file>', 'write the JSON object there, too')
    .option('--json', 'print one JSON object')
    .action((options: EvalOptions) => evaluate(options, terminal));
}

async function evaluate(options: EvalOptions, terminal: Terminal): Promise<void> {
  const { openRun } = await import('../../../run/open-run.ts');
  const { evaluateRun } = await import('../../../run/evaluation/evaluate-run.ts');
  const view = createProgressView({ stream: terminal.stderr, nowMs: () => performance.now() });
  const { data, engine, threads, layers, perClass, maxImages, out } = options;
  if (out !== undefined) requireFolderOf(out);
  try {
    const run = await openRun(options.run, (name, reason) => {
      view.remark(`checkpoint ${name} is passed over: ${reason}`);
    });
    const report = await evaluateRun(run, {
      ...{ images: data, engine, loaderThreads: ownLoaderThreads(terminal.env) },
      ...(threads === undefined ? {} : { threads }),
      ...(layers === undefined ? {} : { layers }),
      ...(perClass === undefined ? {} : { perClass }),
      ...(maxImages === undefined ? {} : { maxImages }),
      onProgress: (phase, unit, done, total) => {
        view.show({ epoch: 0, epochs: 0, phase, unit, done, total });
      },
    });
    view.close();
    if (out !== undefined) writeResult(out, `${JSON.stringify(report, null, 2)}\n`);
    if (options.json === true) printJson(terminal, report);
    else printLines(terminal, evaluationTable(report));
  } finally {
    view.close();
  }
}

/** Before the work that the file is to have the result of. */
function requireFolderOf(file: string): void {
  if (!existsSync(dirname(file))) throw unwritable(file, 'its folder is not there');
}

function writeResult(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw unwritable(file, messageOf(error));
  }
}

function unwritable(file: string, problem: string): TrainerError {
  const remedy = 'name a file in a folder that you may write to';
  return new TrainerError('CONFIG_INVALID', `--out ${file}: ${problem}; ${remedy}`, { file });
}

function layerNames(text: string): Layers {
  if (text === 'all' || text === 'none') return text;
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('Must be names with commas between them.');
  return names;
}

function counts(text: string): readonly number[] {
  return text.split(',').map((count) => positiveInteger(count.trim()));
}
