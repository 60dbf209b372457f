/** A copy of the program in a temporary folder, to be changed as a person would who adds something to it. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../../src/process/package-root.ts';

export interface ScratchCopy {
  readonly folder: string;
  /** For an import. */
  url(file: string): string;
  /** Makes a file that was not there. */
  add(file: string, text: string): void;
  /** Adds a line behind the only one that has this text in it. */
  addLine(file: string, behind: string, line: string): void;
  remove(): void;
}

export function scratchCopy(): ScratchCopy {
  const root = packageRoot();
  const folder = mkdtempSync(join(tmpdir(), 'deepcluster-scratch-'));
  for (const name of ['package.json', 'tsconfig.json', 'bin', 'src', 'proto']) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    folder,
    url: (file) => pathToFileURL(join(folder, file)).href,
    add: (file, text) => {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text, { flag: 'wx' });
    },
    addLine: (file, behind, line) => {
      const lines = readFileSync(join(folder, file), 'utf8').split('\n');
      const places = lines.flatMap((one, i) => (one.includes(behind) ? [i] : []));
      if (places.length !== 1) throw new Error(`${file}: ${places.length} lines with ${behind}`);
      lines.splice(places[0]! + 1, 0, line);
      writeFileSync(join(folder, file), lines.join('\n'));
    },
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}
