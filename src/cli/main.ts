/**
 * The command line: `deepcluster <command>`. Results go to stdout, everything else to stderr; an
 * error is a line for each fault, and an exit code that says whether a retry helps (src/errors.ts).
 */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../process/package-root.ts';
import { EXIT, linesOf } from '../errors.ts';
import { exitCodeOfFailure } from '../launch/process-failure.ts';
import type { Terminal } from './terminal.ts';

type AddCommand = (program: Command, terminal: Terminal) => void;

/**
 * Every command by the word that calls it, in the order of the help. A command's module is loaded
 * when it is called: each process of a run starts by one of them, and needs no other.
 */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  demo: async () => (await import('./commands/demo.ts')).addDemoCommand,
  setup: async () => (await import('./commands/setup.ts')).addSetupCommand,
  settings: async () => (await import('./commands/settings.ts')).addSettingsCommand,
  suggest: async () => (await import('./commands/suggest.ts')).addSuggestCommand,
  launch: async () => (await import('./commands/launch.ts')).addLaunchCommand,
  coordinator: async () => (await import('./commands/coordinator.ts')).addCoordinatorCommand,
  server: async () => (await import('./commands/server.ts')).addServerCommand,
  worker: async () => (await import('./commands/worker.ts')).addWorkerCommand,
  status: async () => (await import('./commands/status.ts')).addStatusCommand,
  eval: async () => (await import('./commands/results/eval.ts')).addEvalCommand,
  export: async () => (await import('./commands/results/export.ts')).addExportCommand,
  embed: async () => (await import('./commands/results/embed.ts')).addEmbedCommand,
  assign: async () => (await import('./commands/results/assign.ts')).addAssignCommand,
  neighbours: async () => (await import('./commands/results/neighbours.ts')).addNeighboursCommand,
  'embed-worker': async () =>
    (await import('./commands/results/embed-worker.ts')).addEmbedWorkerCommand,
  'measure-network': async () =>
    (await import('./commands/measure-network.ts')).addMeasureNetworkCommand,
  report: async () => (await import('./commands/results/report.ts')).addReportCommand,
  compare: async () => (await import('./commands/results/compare.ts')).addCompareCommand,
  certs: async () => (await import('./commands/certs.ts')).addCertsCommand,
  data: async () => (await import('./commands/data.ts')).addDataCommand,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctorCommand,
  bench: async () => (await import('./commands/bench.ts')).addBenchCommand,
};

/**
 * Runs one command to its end.
 * @param args the words after the program's name
 * @returns the exit code
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const report = (text: string): void => {
    terminal.stderr.write(`deepcluster: ${text}\n`);
  };
  const mistakes: string[] = [];
  try {
    const program = await buildProgram(args, terminal, (mistake) => mistakes.push(mistake));
    await program.parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) {
      for (const mistake of mistakes) report(`${mistake}${await hintOf(args, mistake)}`);
      // Help and version end by an error, too, with code 0.
      return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    }
    for (const line of linesOf(error)) report(line);
    return exitCodeOfFailure(error);
  }
}

async function buildProgram(
  args: readonly string[],
  terminal: Terminal,
  onMistake: (line: string) => void,
): Promise<Command> {
  const program = new Command('deepcluster')
    .description(
      'Trains visual features without labels: DeepCluster and ODC over several processes.',
    )
    .version(packageVersion())
    .helpCommand(false)
    // A command may have an option of the same name: setup has a --version.
    .enablePositionalOptions()
    // Commands inherit these two, so they come before any command is added.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text) => {
        const problem = text.replace(/^error: /, '').trim();
        onMistake(problem.replaceAll(/\s*\n\s*/g, ' '));
      },
    });
  for (const load of commandsFor(args[0])) (await load())(program, terminal);
  return program;
}

/**
 * The command that is called; all of them for the help, and where a word may have been misspelt.
 */
function commandsFor(word: string | undefined): readonly (() => Promise<AddCommand>)[] {
  if (word === '--version' || word === '-V') return [];
  const called = word !== undefined && Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  return called === undefined ? Object.values(COMMANDS) : [called];
}

/** Which setting a wrong flag may have meant; loaded here, since it knows all settings. */
async function hintOf(args: readonly string[], mistake: string): Promise<string> {
  const { settingHint } = await import('./option-hint.ts');
  return settingHint(args, mistake);
}
