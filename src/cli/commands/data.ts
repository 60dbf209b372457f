/** `deepcluster data`: lists a source's images, checks that they can be read, makes some. */
import { writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { TrainerError, dataUnreadable } from '../../errors.ts';
import { passedOverLine } from '../../data/source/passed-over.ts';
import type { ImageSource } from '../../data/source/source.ts';
import { createProgressView } from '../../telemetry/progress-view.ts';
import { positiveInteger, wholeNumber } from '../options.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface DataOptions {
  readonly data: string;
  readonly out?: string;
  readonly json?: boolean;
}

interface MakeOptions {
  readonly out: string;
  readonly classes: number;
  readonly perClass: number;
  readonly size: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function addDataCommand(program: Command, terminal: Terminal): void {
  const data = program.command('data').description('list, check or make images');
  data
    .command('index')
    .description('count images and classes; write them as a list file')
    .requiredOption('--data <source>', 'folder or list file of images')
    .option(
      '--out <file.ndjson>',
      'list to write; the images must lie below its folder',
      ndjsonFile,
    )
    .option('--json', 'print one JSON object')
    .action((options: DataOptions) => indexImages(options, terminal));
  data
    .command('verify')
    .description('decode every image once; exit code 42 if one cannot be read')
    .requiredOption('--data <source>', 'folder or list file of images')
    .option('--json', 'print one JSON object')
    .action((options: DataOptions) => verifyImages(options, terminal));
  data
    .command('make')
    .description('draw images in classes, the same for the same options')
    .requiredOption('--out <dir>', 'folder to make')
    .option('--classes <n>', 'classes', positiveInteger, 10)
    .option('--per-class <n>', 'images of each class', positiveInteger, 120)
    .option('--size <px>', 'side of the square images', positiveInteger, 96)
    .option('--seed <n>', 'seed', wholeNumber, 31)
    .option('--json', 'print one JSON object')
    .action((options: MakeOptions) => makeImageFolder(options, terminal));
}

async function indexImages(options: DataOptions, terminal: Terminal): Promise<void> {
  const { openImageSource } = await import('../../data/source/source.ts');
  const source = await openImageSource(options.data);
  const out = options.out ?? null;
  if (out !== null) {
    const folder = resolve(dirname(out));
    const rows = Array.from({ length: source.count }, (_, id) => {
      const inside = relative(folder, join(source.root, source.path(id))).replaceAll(sep, '/');
      if (inside.startsWith('../')) throw listOutside(out, source.root);
      const path = inside.includes(':') ? `./${inside}` : inside; // or it might be read as a URL
      const label = source.truth?.names[source.truth.labels[id]!];
      return `${JSON.stringify({ path, label })}\n`;
    });
    writeFileSync(out, rows.join(''));
  }
  const { count: images, digest, truth } = source;
  const passedOver = countsOf(source);
  const result = { images, passedOver, classes: truth?.names.length ?? null, digest, list: out };
  if (options.json) printJson(terminal, result);
  else {
    printLines(terminal, [
      `${images} images, ${result.classes ?? 'no'} classes, sha256 ${digest}`,
      ...passedOverLines(source),
    ]);
  }
}

/** By kind, for programs. */
function countsOf({ passedOver = [] }: ImageSource): Record<string, number> {
  return Object.fromEntries(passedOver.map(({ kind, count }) => [kind, count]));
}

function passedOverLines({ passedOver = [] }: ImageSource): string[] {
  const line = passedOverLine(passedOver);
  return line === null ? [] : [line];
}

function ndjsonFile(path: string): string {
  if (!path.endsWith('.ndjson')) throw new InvalidArgumentError('Must end in .ndjson.');
  return path;
}

function listOutside(out: string, root: string): TrainerError {
  return new TrainerError(
    'CONFIG_INVALID',
    `list ${out}: expected a place at or above ${root}; a list never points outside its own folder`,
    { out, root },
  );
}

async function verifyImages(options: DataOptions, terminal: Terminal): Promise<void> {
  const { openImageSource } = await import('../../data/source/source.ts');
  const { verifySource } = await import('../../data/source/verify.ts');
  const source = await openImageSource(options.data);
  const view = createProgressView({ stream: terminal.stderr, nowMs: () => performance.now() });
  const progress = { epoch: 0, epochs: 0, phase: 'verify', unit: 'images' };
  const result = await verifySource(source, (done, total) => {
    view.show({ ...progress, done, total });
  }).finally(() => {
    view.close();
  });
  const { images, bytes, unreadable, damaged } = result;
  if (options.json) printJson(terminal, { ...result, passedOver: countsOf(source) });
  else {
    printLines(terminal, [
      ...passedOverLines(source),
      ...unreadable.map(({ path, reason }) => `unreadable ${path}: ${reason}`),
      ...damaged.map(({ path, reason }) => `damaged ${path}: ${reason}`),
      `${images} images, ${bytes} bytes: ${unreadable.length} unreadable, ${damaged.length} damaged`,
    ]);
  }
  if (unreadable.length > 0) {
    const problem = `${unreadable.length} of ${images} images cannot be read`;
    throw dataUnreadable(options.data, problem, 'a run leaves them out; mend or remove them');
  }
}

async function makeImageFolder(options: MakeOptions, terminal: Terminal): Promise<void> {
  const { makeImages } = await import('../../data/made/made-images.ts');
  const { out, classes, perClass, size, seed } = options;
  const made = await makeImages({ out, classes, perClass, size, seed });
  if (options.json) printJson(terminal, { out, ...made });
  else printLines(terminal, [`${made.images} images in ${made.classes.length} classes in ${out}`]);
}
