/** What `embed` and `assign` share: options, progress, the report. */
import { InvalidArgumentError, type Command } from 'commander';
import type {
  EmbedFileHooks,
  EmbedFileRequest,
  EmbedFileSurroundings,
  EmbedReport,
} from '../embedding/embed-file.ts';
import { FILE_KINDS, type FileKind } from '../embedding/table-files.ts';
import { EXIT, TrainerError, unavailable } from '../errors.ts';
import type { EngineChoice } from '../engine/registry.ts';
import { armFailpointsFrom } from '../process/failpoint-setting.ts';
import { createProgressView } from '../telemetry/progress-view.ts';
import { engineOption, positiveInteger } from './options.ts';
import { takeStopSignals } from './stop-signals.ts';
import { printJson, printLines, type Terminal } from './terminal.ts';

/** A file name by whose ending its form is known. */
export interface OutputFile {
  readonly out: string;
  readonly kind: FileKind;
}

export interface EmbeddingOptions {
  readonly run: string;
  readonly data: string;
  readonly out: OutputFile;
  readonly workers?: number;
  readonly engine: EngineChoice;
  readonly batch: number;
  readonly restart?: boolean;
  readonly json?: boolean;
}

/** Images that are read, and go through the network, at a time. */
export const BATCH_IMAGES = 128;

export function addEmbeddingOptions(command: Command, kinds: readonly FileKind[]): Command {
  const endings = kinds.map((kind) => `.${kind}`).join(', ');
  return command
    .requiredOption(
      '--run <dir>',
      'folder of a run, finished or not: its newest checkpoint is taken',
    )
    .requiredOption('--data <source>', 'folder or list file of images')
    .requiredOption('--out <file>', `file to make, ending in ${endings}`, outputFile(kinds))
    .option('--workers <n>', 'processes that compute; one for each GPU, or one', positiveInteger)
    .addOption(engineOption('tensor engine').default('auto'))
    .option(
      '--batch <n>',
      'images that are read and computed at a time',
      positiveInteger,
      BATCH_IMAGES,
    )
    .option('--restart', 'begin again: the parts that an earlier call left behind are removed')
    .option('--json', 'print one JSON object');
}

function outputFile(kinds: readonly FileKind[]): (text: string) => OutputFile {
  return (out) => {
    const kind = FILE_KINDS.find((name) => out.endsWith(`.${name}`));
    if (kind !== undefined && kinds.includes(kind)) return { out, kind };
    const endings = kinds.map((name) => `.${name}`).join(' or ');
    throw new InvalidArgumentError(`Must end in ${endings}.`);
  };
}

/** @param layer null: clusters alone */
export async function runEmbedding(
  phase: string,
  options: EmbeddingOptions,
  layer: EmbedFileRequest['layer'],
  terminal: Terminal,
): Promise<void> {
  const { run, data, out: file, engine, batch, restart, json } = options;
  const workers = options.workers ?? null;
  const { embedToFile } = await import('../embedding/embed-file.ts');
  const common = { run, data, ...file, layer, workers, engine, batchImages: batch };
  const report = await withEmbeddingView(phase, terminal, ({ hooks, surroundings }) =>
    embedToFile({ ...common, isRestarted: restart === true }, hooks, surroundings),
  );
  if (json === true) printJson(terminal, report);
  else printLines(terminal, reportLines(report));
}

/** What work on images may use of the command that does it. */
export interface EmbeddingView {
  readonly hooks: EmbedFileHooks;
  readonly surroundings: EmbedFileSurroundings;
  /** Shows the progress of another phase. */
  readonly onPhase: (phase: string, unit: string) => (done: number, total: number) => void;
}

/**
 * Does work with its progress on stderr; the first signal stops it in order, the second at once.
 * @param phase its name
 * @throws what the work throws; UNAVAILABLE where it was stopped
 */
export async function withEmbeddingView<T>(
  phase: string,
  { env, stderr: stream }: Terminal,
  work: (view: EmbeddingView) => Promise<T>,
): Promise<T> {
  const { detectMachine } = await import('../launch/machine.ts');
  armFailpointsFrom(env);
  const view = createProgressView({ stream, nowMs: () => performance.now() });
  const stopping = new AbortController();
  const signals = takeStopSignals(() => {
    stopping.abort(unavailable(phase, 'was stopped; the same command goes on where it ended'));
  });
  signals.kill.addEventListener('abort', () => process.exit(EXIT.retry));
  const onPhase = (name: string, unit: string) => (done: number, total: number) => {
    view.show({ epoch: 0, epochs: 0, phase: name, unit, done, total });
  };
  try {
    return await work({
      hooks: {
        onProgress: onPhase(phase, 'images'),
        onRemark: (text) => {
          view.remark(text);
        },
      },
      surroundings: { env, machine: detectMachine(env), signal: stopping.signal },
      onPhase,
    });
  } catch (error) {
    throw stopping.signal.aborted && !(error instanceof TrainerError)
      ? stopping.signal.reason
      : error;
  } finally {
    view.close();
    signals.release();
  }
}

function reportLines(report: EmbedReport): string[] {
  const { out, rows, unreadable, dim, checkpoint, seconds } = report;
  const numbers = dim === null ? '' : ` of ${dim} numbers`;
  const { imagesPerSecond, forwardImagesPerSecond, share } = report;
  const rates =
    imagesPerSecond === null
      ? []
      : [
          `${rate(imagesPerSecond)} images a second, ${Math.round(100 * share!)} % of the ` +
            `${rate(forwardImagesPerSecond!)} that the network alone would do`,
        ];
  return [
    `${rows} rows${numbers} in ${out}, by checkpoint ${checkpoint}, in ${seconds.toFixed(1)} s`,
    ...rates,
    ...(unreadable === 0 ? [] : [`${unreadable} images cannot be read: ${out}.unreadable.csv`]),
  ];
}

function rate(perSecond: number): string {
  return perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toPrecision(2);
}
