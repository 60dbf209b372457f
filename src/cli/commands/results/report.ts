/** `deepcluster report`: makes the report of a finished run again, from the run's folder. */
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import type { EngineChoice } from '../../../engine/registry.ts';
import type { TryImageChoice } from '../../../run/report/page-network.ts';
import { createProgressView } from '../../../telemetry/progress-view.ts';
import { engineOption, positiveInteger } from '../../options.ts';
import { printJson, printLines, type Terminal } from '../../terminal.ts';

interface ReportOptions {
  readonly run: string;
  readonly out?: string;
  readonly data?: string;
  readonly map: 'features' | 'centroids';
  readonly engine: EngineChoice;
  readonly thumbnails: number;
  readonly tryImage: TryImageChoice;
  readonly json?: boolean;
}

export function addReportCommand(program: Command, terminal: Terminal): void {
  program
    .command('report')
    .description('make the report of a finished run again: all clusters, a map of the features')
    .requiredOption('--run <dir>', "the run's folder")
    .option('--out <file>', "the page; report.html in the run's folder by default")
    .option('--data <source>', 'where the images lie now, if they were moved')
    .addOption(
      new Option('--map <what>', 'map of the features, or without a network of the centroids')
        .choices(['features', 'centroids'])
        .default('features'),
    )
    .addOption(engineOption('tensor engine for the features').default('auto'))
    .option('--thumbnails <n>', 'images with a thumbnail at most', positiveInteger, 100_000)
    .addOption(
      new Option(
        '--try-image <when>',
        'put the network beside the page, which then tells the cluster of new images; auto: if it has at most 16 MB and onnxruntime-web is installed',
      )
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .option('--json', 'print one JSON object')
    .action((options: ReportOptions) => runReport(options, terminal));
}

async function runReport(options: ReportOptions, terminal: Terminal): Promise<void> {
  const { run: folder, data = null, map, engine, thumbnails, tryImage } = options;
  const out = options.out ?? join(folder, 'report.html');
  const { writeReport } = await import('../../../run/report/write-report.ts');
  const view = createProgressView({ stream: terminal.stderr, nowMs: () => performance.now() });
  const onProgress = (phase: string, done: number, total: number): void => {
    view.show({ epoch: 0, epochs: 0, phase, unit: 'images', done, total });
  };
  const written = await writeReport({
    ...{ folder, out, data, map, engine, thumbnails, tryImage, onProgress },
  }).finally(() => {
    view.close();
  });
  if (written.problem !== null) terminal.stderr.write(`${written.problem}\n`);
  if (options.json === true) printJson(terminal, written);
  else {
    const { page, sheets, network, networkMissing } = written;
    printLines(terminal, [
      page,
      ...(sheets === null ? [] : [`thumbnails in ${sheets}: keep them beside the page`]),
      ...(network === null ? [] : [`network in ${network}: keep it beside the page`]),
      ...(networkMissing === null ? [] : [`the page takes no new images: ${networkMissing}`]),
    ]);
  }
}
