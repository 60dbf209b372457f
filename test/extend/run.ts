/**
 * What it takes to add to the program: each addition is made in a copy of the repository, where types and imports are checked
 * and it is tried, and its diffstat is shown. `node --import tsx test/extend/run.ts`
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Addition } from './addition.ts';
import { ALGORITHM } from './algorithm.ts';
import { COMMAND } from './command.ts';
import { ENGINE } from './engine.ts';
import { WORK_KIND } from './work-kind.ts';

const ADDITIONS: readonly Addition[] = [ALGORITHM, ENGINE, COMMAND, WORK_KIND];
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHECKED = ['src', 'coordinator', 'server', 'worker', 'bench', 'test'];

for (const addition of ADDITIONS) tryOut(addition);

/** @throws Error where the addition does not hold */
function tryOut({ name, files, lines, trial }: Addition): void {
  const copy = mkdtempSync(join(tmpdir(), 'deepcluster-extend-'));
  try {
    copySources(copy);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(copy, dirname(file)), { recursive: true });
      writeFileSync(join(copy, file), text, { flag: 'wx' });
    }
    for (const { file, behind, line } of lines) addLine(join(copy, file), behind, line);
    run(copy, process.execPath, [program('typescript/bin/tsc'), '--noEmit', '-p', '.']);
    const cruise = program('dependency-cruiser/bin/dependency-cruise.mjs');
    run(copy, process.execPath, [cruise, '--config=.dependency-cruiser.mjs', ...CHECKED]);
    const args = ['--import', 'tsx', '--input-type=module', '--eval', trial];
    const seen = run(copy, process.execPath, args).trimEnd().split('\n').at(-1);
    run(copy, 'git', ['add', '--all']);
    const stat = run(copy, 'git', ['diff', '--cached', '--stat']);
    process.stdout.write(`${name}: types and imports hold; tried: ${seen}\n${stat}\n`);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** The files that git knows or would take, as they are, as the first commit of a repository of their own. */
function copySources(copy: string): void {
  const listed = run(ROOT, 'git', ['ls-files', '-z', '-co', '--exclude-standard']);
  for (const file of listed.split('\0')) {
    if (file === '' || !existsSync(join(ROOT, file))) continue;
    mkdirSync(join(copy, dirname(file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(copy, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  run(copy, 'git', ['init', '--quiet']);
  writeFileSync(join(copy, '.git', 'info', 'exclude'), 'node_modules\n');
  run(copy, 'git', ['add', '--all']);
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
  run(copy, 'git', [...author, 'commit', '--quiet', '--message', 'as it is']);
}

function addLine(path: string, behind: string, line: string): void {
  const lines = readFileSync(path, 'utf8').split('\n');
  const places = lines.flatMap((one, i) => (one.includes(behind) ? [i] : []));
  if (places.length !== 1) throw new Error(`${path}: ${places.length} lines with ${behind}`);
  lines.splice(places[0]! + 1, 0, line);
  writeFileSync(path, lines.join('\n'));
}

function program(file: string): string {
  return join(ROOT, 'node_modules', file);
}

/** @returns stdout @throws Error where it fails */
function run(cwd: string, command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const { status, stdout, stderr } = result;
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.slice(0, 3).join(' ')} in ${cwd}\n${stdout}${stderr}`);
}
