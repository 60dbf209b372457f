/** `deepcluster suggest`: settings for a collection on this machine, each with its reason. */
import { writeFileSync } from 'node:fs';
import { InvalidArgumentError, type Command } from 'commander';
import type { EngineChoice } from '../../engine/registry.ts';
import { configInvalid, messageOf, unavailable } from '../../errors.ts';
import { shellWord } from '../../messages/command-line.ts';
import { suggestRun, USUAL_MINUTES, type Suggestion } from '../../suggest/suggest.ts';
import { configFileText, suggestedSettings } from '../../suggest/suggested-settings.ts';
import { formatSeconds } from '../../telemetry/progress-view.ts';
import { engineOption, positiveInteger } from '../options.ts';
import { takeStopSignals } from '../stop-signals.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface SuggestOptions {
  readonly data: string;
  readonly workers?: number;
  readonly memory?: number;
  readonly minutes: number;
  readonly engine: EngineChoice;
  readonly json?: boolean;
  readonly out?: string;
}

export function addSuggestCommand(program: Command, terminal: Terminal): void {
  program
    .command('suggest')
    .description('settings that suit a collection of images and this machine, with their reasons')
    .requiredOption('--data <source>', 'images: a folder or a list file')
    .option('--workers <n>', 'workers that share the machine; 2 by default', positiveInteger)
    .option(
      '--memory <bytes>',
      'memory of each worker, such as 8G; its share of most by default',
      bytes,
    )
    .option(
      '--minutes <m>',
      'time that the run should take at most',
      positiveInteger,
      USUAL_MINUTES,
    )
    .addOption(engineOption('tensor engine; auto measures which is faster').default('auto'))
    .option('--json', 'print one JSON object')
    .option('--out <file>', 'write the settings to a file for `launch --config`')
    .action((options: SuggestOptions) => suggest(options, terminal));
}

async function suggest(options: SuggestOptions, terminal: Terminal): Promise<void> {
  const { data, workers = null, memory = null, minutes, engine, out } = options;
  const stop = takeStopSignals(() => undefined);
  const onMeasure = (text: string): void => void terminal.stderr.write(`${text}\n`);
  try {
    const suggestion = await suggestRun({
      ...{ data, workers, memoryBytes: memory, minutes, engine, onMeasure },
      ...{ env: terminal.env, signal: stop.stop },
    });
    if (out !== undefined) writeConfig(out, configFileText(suggestion, data));
    if (options.json === true) printJson(terminal, asJson(suggestion));
    else printLines(terminal, [...linesOf(suggestion), nextLine(options)]);
  } catch (error) {
    throw stop.stop.aborted ? unavailable('suggest', 'stopped') : error;
  } finally {
    stop.release();
  }
}

function writeConfig(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const rule = `must be a file that can be written: ${messageOf(error)}`;
    throw configInvalid('out', rule, file, '--out');
  }
}

function asJson(suggestion: Suggestion): object {
  const { collection, resources, plan, cost } = suggestion;
  return {
    collection,
    preset: plan.preset,
    settings: suggestedSettings(suggestion),
    seconds: Math.round(plan.seconds),
    memory: { perWorker: Math.round(plan.peakBytes), budget: Math.floor(resources.memoryBytes) },
    network: cost,
  };
}

/** The plan as a table. */
export function linesOf(suggestion: Suggestion): string[] {
  const { collection, resources, plan } = suggestion;
  const { images, sampled, readable, shorterSide } = collection;
  const unread = readable < sampled ? `, ${sampled - readable} of ${sampled} cannot be read` : '';
  const rows: [string, string, string][] = [
    ['preset', plan.preset.name, plan.preset.reason],
    ...suggestedSettings(suggestion).map(({ key, value, reason }): [string, string, string] => [
      ...([key, String(value), reason] as const),
    ]),
  ];
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]!.length)));
  const within =
    plan.seconds > 60 * resources.minutes ? `, more than ${resources.minutes} min` : '';
  return [
    `${images} images, shorter side about ${shorterSide} px (${sampled} looked at${unread})`,
    ...rows.map(([key, value, reason]) =>
      [key.padEnd(widths[0]!), value.padEnd(widths[1]!), reason].join('  '),
    ),
    `time about ${formatSeconds(plan.seconds)}${within}; memory of a worker about ${gibibytes(plan.peakBytes)}, of ${gibibytes(resources.memoryBytes)}`,
  ];
}

function nextLine({ data, out }: SuggestOptions): string {
  if (out !== undefined) return `start it with: deepcluster launch --config ${shellWord(out)}`;
  return `start it with: deepcluster launch --data ${shellWord(data)}; or write a file with --out`;
}

function gibibytes(count: number): string {
  return `${(count / 2 ** 30).toFixed(1)} GiB`;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `8G`, `512M`, or bytes. */
export function bytes(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?$/i.exec(text) ?? [];
  const count = Math.floor(Number(digits) * UNITS[unit.toUpperCase()]!);
  if (digits === undefined || count < 1) {
    throw new InvalidArgumentError('Must be bytes, such as 8G or 512M.');
  }
  return count;
}
