/** `deepcluster export`: the network of a run as a file or folder that other programs load. */
import { Option, type Command } from 'commander';
import type { EngineChoice } from '../../../engine/registry.ts';
import type { Exported } from '../../../export/export-run.ts';
import { FORMAT_NAMES, type FormatName } from '../../../export/format-names.ts';
import { engineOption } from '../../options.ts';
import { printJson, printLines, type Terminal } from '../../terminal.ts';

interface ExportOptions {
  readonly run: string;
  readonly to: FormatName;
  readonly out: string;
  readonly clusters?: boolean;
  readonly head?: boolean;
  readonly sample?: string;
  readonly force?: boolean;
  readonly engine?: EngineChoice;
  readonly json?: boolean;
}

export function addExportCommand(program: Command, terminal: Terminal): void {
  program
    .command('export')
    .description("write a run's network for other programs, and read it back")
    .requiredOption('--run <dir>', 'folder of the run; its newest sound checkpoint is taken')
    .addOption(new Option('--to <format>', 'format').choices(FORMAT_NAMES).makeOptionMandatory())
    .requiredOption('--out <path>', 'file to write; a folder for savedmodel and tfjs')
    .option('--clusters', 'the cluster of an image, and its distance, too')
    .option('--head', "the head's logits, too")
    .option(
      '--sample <file>',
      'write a few images, and what the engine makes of them, to compare other programs with',
    )
    .option('--force', 'replace an export that is there already')
    .addOption(engineOption('tensor engine that the export is compared with'))
    .option('--json', 'print one JSON object')
    .action((options: ExportOptions) => runExport(options, terminal));
}

async function runExport(options: ExportOptions, terminal: Terminal): Promise<void> {
  const { run, to: format, out, engine = 'auto' } = options;
  const { exportRun } = await import('../../../export/export-run.ts');
  const exported = await exportRun({
    ...{ run, format, out, engine },
    clusters: options.clusters === true,
    head: options.head === true,
    force: options.force === true,
    sample: options.sample ?? null,
    onRejected: (name, reason) => {
      terminal.stderr.write(`checkpoint ${name} is damaged, the one before is taken: ${reason}\n`);
    },
  });
  if (options.json === true) printJson(terminal, exported);
  else printLines(terminal, [lineOf(exported)]);
}

function lineOf({ out, card, bytes, architecture, step, outputs, readBack }: Exported): string {
  const { says, difference } = readBack;
  const gives = outputs.length === 0 ? '' : `: ${outputs.map(({ name }) => name).join(', ')}`;
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  const off =
    difference === null ? '' : `, within ${difference.toExponential(1)} of the largest number`;
  return `${out} (${architecture} at step ${step}, ${size}${gives}) and ${card}; read back: ${says}${off}`;
}
