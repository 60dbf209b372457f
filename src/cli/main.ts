/**
 * The command line: `deepcluster <command>`. Results go to stdout, everything else to stderr; an error is one line and an
 * exit code that says whether a retry helps (src/errors.ts).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../process/package-root.ts';
import { EXIT, messageOf } from '../errors.ts';
import { addBenchCommand } from './commands/bench.ts';
import { addCertsCommand } from './commands/certs.ts';
import { addCoordinatorCommand } from './commands/coordinator.ts';
import { addDataCommand } from './commands/data.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { exitCodeOfFailure } from './failure.ts';
import { addLaunchCommand } from './commands/launch.ts';
import { settingHint } from './option-hint.ts';
import type { Terminal } from './terminal.ts';
import { addServerCommand } from './commands/server.ts';
import { addStatusCommand } from './commands/status.ts';
import { addWorkerCommand } from './commands/worker.ts';

/**
 * Runs one command to its end.
 * @param args the words after the program's name
 * @returns the exit code
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const report = (text: string): void => {
    terminal.stderr.write(`deepcluster: ${text}\n`);
  };
  try {
    await buildProgram(args, terminal, report).parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    // Its line is written already; help and version end by an error, too, with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    report(messageOf(error));
    return exitCodeOfFailure(error);
  }
}

function buildProgram(
  args: readonly string[],
  terminal: Terminal,
  report: (text: string) => void,
): Command {
  const program = new Command('deepcluster')
    .description(
      'Trains visual features without labels: DeepCluster and ODC over several processes.',
    )
    .version(packageVersion())
    .helpCommand(false)
    // Commands inherit these two, so they come before any command is added.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text) => {
        const problem = text.replace(/^error: /, '').trim();
        const line = problem.replaceAll(/\s*\n\s*/g, ' ');
        report(`${line}${settingHint(args, line)}`);
      },
    });
  addDemoCommand(program, terminal);
  addLaunchCommand(program, terminal);
  addCoordinatorCommand(program, terminal);
  addServerCommand(program);
  addWorkerCommand(program);
  addStatusCommand(program, terminal);
  addCertsCommand(program, terminal);
  addDataCommand(program, terminal);
  addDoctorCommand(program, terminal);
  addBenchCommand(program, terminal);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
