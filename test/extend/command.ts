/** A command is added: a file of src/cli/commands and a line. */
import type { Addition } from './addition.ts';

export const COMMAND: Addition = {
  name: 'a command',
  files: {
    'src/cli/commands/steps.ts': `/** \`deepcluster steps\`: how many steps a saved run has taken. */
import type { Command } from 'commander';
import { printLines, type Terminal } from '../terminal.ts';

export function addStepsCommand(program: Command, terminal: Terminal): void {
  program
    .command('steps')
    .description('say how many steps a saved run has taken')
    .requiredOption('--run <dir>', 'folder of the run')
    .action(async ({ run }: { readonly run: string }) => {
      const { openRun } = await import('../../run/open-run.ts');
      const { step } = await openRun(run);
      printLines(terminal, [String(step)]);
    });
}
`,
  },
  lines: [
    {
      file: 'src/cli/main.ts',
      behind: './commands/status.ts',
      line: "  steps: async () => (await import('./commands/steps.ts')).addStepsCommand,",
    },
  ],
  trial: `
    import { spawnSync } from 'node:child_process';
    import { join } from 'node:path';
    import { makeNoiseImages, runPlain, temporaryFolder } from './test/support/runs/in-process-run.ts';
    const folder = temporaryFolder();
    try {
      const data = join(folder.path, 'images');
      await makeNoiseImages(data, 40);
      const out = join(folder.path, 'run');
      const { steps } = await runPlain({ data, out, workers: 1 });
      const args = ['bin/deepcluster.mjs', 'steps', '--run', out];
      const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      if (stdout.trim() !== String(steps)) throw new Error(stdout + ', not ' + steps);
      console.log('deepcluster steps printed ' + stdout.trim());
    } finally {
      folder.remove();
    }
  `,
};
