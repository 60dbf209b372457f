/**
 * `deepcluster setup`: makes the engine `tensorflow` run here. The work is done by
 * scripts/setup-tensorflow.mjs, in a process of its own: it runs where nothing is compiled yet, and
 * has the folder from here.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { packageRoot } from '../../process/package-root.ts';
import { SETUP_FOLDER_VARIABLE, writableSetupFolder } from '../../process/setup-folder.ts';
import { ProcessFailure } from '../../launch/process-failure.ts';
import type { Terminal } from '../terminal.ts';

interface SetupOptions {
  readonly variant?: string;
  readonly version?: string;
  readonly use?: string;
  readonly json?: boolean;
}

export function addSetupCommand(program: Command, terminal: Terminal): void {
  program
    .command('setup')
    .description('set up the fast engine: TensorFlow, its addon, and the kernels of this project')
    .addOption(
      new Option(
        '--variant <name>',
        'auto: cuda where nvidia-smi lists a GPU, else cpu; ' +
          "stock: upstream's own download of TensorFlow 2.9; none: take all of it away",
      ).choices(['auto', 'cpu', 'cuda', 'stock', 'none']),
    )
    .option('--version <release>', 'TensorFlow release, such as 2.21.0; the known one by default')
    .option(
      '--use <path>',
      "a TensorFlow that is there: a Python, its environment, or the package's folder",
    )
    .option('--json', 'print the result as one JSON object')
    .action((options: SetupOptions) => runSetup(options, terminal));
}

async function runSetup(options: SetupOptions, terminal: Terminal): Promise<void> {
  const { variant, version, use, json } = options;
  const folder = writableSetupFolder(terminal.env);
  const child = spawn(
    process.execPath,
    [
      join(packageRoot(), 'scripts', 'setup-tensorflow.mjs'),
      ...Object.entries({ variant, version, use }).flatMap(([name, value]) =>
        value === undefined ? [] : [`--${name}`, value],
      ),
      ...(json === true ? ['--json'] : []),
    ],
    {
      env: { ...terminal.env, [SETUP_FOLDER_VARIABLE]: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  child.stdout.on('data', (chunk: Buffer) => terminal.stdout.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => terminal.stderr.write(chunk.toString()));
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (exitCode === 0) return;
  const end = exitCode === null ? `by signal ${signal}` : `with exit code ${exitCode}`;
  throw new ProcessFailure(`setup ended ${end}`, exitCode ?? 1);
}
