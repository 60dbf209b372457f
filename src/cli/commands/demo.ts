/**
 * `deepcluster demo`: makes images, trains on them, evaluates, and names the report; the first
 * thing a newcomer runs.
 */
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { DEFAULT_ALGORITHM, allAlgorithms } from '../../algorithms/registry.ts';
import { defaultRunFolder, requireRunFolder } from '../../run/folder.ts';
import { launchRun } from './launch.ts';
import {
  OWN_PAGE,
  addQuietLogOptions,
  configSourcesOf,
  dashboardOption,
  pageAddressOf,
  positiveInteger,
  setOption,
  shownLogLevel,
  wholeNumber,
  type ConfigOptions,
  type QuietLogOptions,
} from '../options.ts';
import type { Terminal } from '../terminal.ts';

/** 10 classes x 120 images of 96 px: enough for a network to learn from, made in seconds. */
const IMAGES = { classes: 10, perClass: 120, size: 96 } as const;

/** The preset that shows each method. */
function demoPresets(): ReadonlyMap<string, string> {
  return new Map(
    allAlgorithms().flatMap(({ name, demoPreset }) =>
      demoPreset === null ? [] : [[name, demoPreset]],
    ),
  );
}

interface DemoOptions extends ConfigOptions, QuietLogOptions {
  readonly out?: string;
  readonly seed: number;
  readonly algorithm: string;
  readonly trace?: boolean;
  readonly json?: boolean;
  readonly dashboard?: string | false;
}

export function addDemoCommand(program: Command, terminal: Terminal): void {
  addQuietLogOptions(program.command('demo'))
    .description('make images, train on them with two workers, evaluate, and write a report')
    .option('--out <dir>', 'folder of the run; runs/demo-<time> by default')
    .option('--seed <n>', 'seed of the images and of the run', wholeNumber, 31)
    .addOption(
      new Option('--algorithm <name>', 'method to show')
        .choices([...demoPresets().keys()])
        .default(DEFAULT_ALGORITHM.name),
    )
    .option('--workers <n>', 'workers to start (cluster.workers)', positiveInteger)
    .addOption(setOption())
    .option(
      '--trace',
      "write each worker's trace for ui.perfetto.dev to trace/ in the run's folder",
    )
    .addOption(dashboardOption())
    .option('--no-dashboard', 'no live page')
    .option('--json', 'print the summary as one JSON object')
    .action((options: DemoOptions) => runDemo(options, terminal));
}

async function runDemo(options: DemoOptions, terminal: Terminal): Promise<void> {
  const out = options.out ?? defaultRunFolder('demo', Date.now());
  requireRunFolder(out, false);
  const images = resolve(out, 'images');
  const { makeImages } = await import('../../data/made/made-images.ts');
  const count = IMAGES.classes * IMAGES.perClass;
  terminal.stderr.write(`making ${count} images in ${join(out, 'images')}\n`);
  await makeImages({ ...IMAGES, out: images, seed: options.seed });
  const { settings } = configSourcesOf(options);
  await launchRun(
    {
      sources: {
        preset: demoPresets().get(options.algorithm)!,
        settings: [
          { key: 'seed', value: String(options.seed), origin: '--seed' },
          { key: 'data.source', value: images, origin: 'demo' },
          ...settings,
        ],
      },
      out,
      isResumed: false,
      isTraced: options.trace === true,
      dashboard: pageAddressOf(options.dashboard, OWN_PAGE),
      isJson: options.json === true,
      shownLevel: shownLogLevel(options),
    },
    terminal,
  );
}
