/** Configurations and lists of images, spoiled and read. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { readRunId } from '../../coordinator/record/run-folder.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { listText, readImageList } from '../../src/data/source/image-list.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { messageOf } from '../../src/errors.ts';
import type { Rng } from '../../src/math/rng.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { requireRefusal, type Fuzzer, type Outcome } from './engine.ts';
import { MAX_FILE, newFolder, outcomeOf } from './file-outcomes.ts';
import { AWKWARD_WORDS, mutateText, once, pick, randomBytes } from './mutate.ts';
import { withinRoot } from './opened-paths.ts';

const YAML_WORDS = [
  ...AWKWARD_WORDS,
  ...['&a ', '*a', '&a [*a]', '&b {x: *b}', '<<: *a', '!!binary ', '!!set', '!!timestamp '],
  ...[
    '? ',
    '%YAML 1.1\n---\n',
    '---\n',
    '...\n',
    '|\n',
    '>-\n',
    '!<tag:x> ',
    '0x1F',
    '.inf',
    '.nan',
  ],
  ...['preset: demo\n', 'runId: x\n', 'config:\n', 'training:\n  batchSize: 1\n', 'seed: 1\n'],
];

export async function startConfigs(): Promise<Fuzzer> {
  const presets = join(packageRoot(), 'presets');
  const seeds = await Promise.all(
    fs.readdirSync(presets).map((name) => readFile(join(presets, name), 'utf8')),
  );
  const laughs =
    'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nseed: [*b,*b,*b,*b,*b]\n';
  return fuzzConfigFile('run.yaml', [...seeds, laughs, 'seed: 3\n'], () => undefined);
}

export function startRunConfigs(): Promise<Fuzzer> {
  const { config, origins } = loadRunConfig({ env: {}, settings: [] });
  const seed = JSON.stringify({ runId: 'a1b2c3', config, origins }, null, 2);
  return Promise.resolve(
    fuzzConfigFile('config.json', [seed], (folder) => {
      readRunId(folder);
    }),
  );
}

/** @param also reads more of the folder that the file lies in */
function fuzzConfigFile(
  name: string,
  seeds: readonly string[],
  also: (folder: string) => void,
): Fuzzer {
  const folder = newFolder();
  const path = join(folder, name);
  const run = (rng: Rng): Outcome => {
    const text = once(rng, 12)
      ? randomBytes(rng, 400)
      : mutateText(rng, pick(rng, seeds), seeds, YAML_WORDS, MAX_FILE);
    fs.writeFileSync(path, text);
    const outcome = outcomeOf(() => loadRunConfig({ file: path, env: {}, settings: [] }));
    outcomeOf(() => {
      also(folder);
    });
    return outcome;
  };
  return { run, close: () => fs.rmSync(folder, { recursive: true }) };
}

const LISTS: Readonly<Record<string, string>> = {
  '.txt': 'a/one.jpg\nb/two.png\n\n  c/three.webp  \n',
  '.csv': 'path,label\na/one.jpg,cat\n"b/two, 2.png",dog\n"c/""three"".webp",cat\n',
  '.ndjson': '{"path":"a/one.jpg","label":"cat"}\n{"path":"b/two.png","class":7}\n',
  '.lst':
    '# two\n"a/one.jpg" cat\n0\t1.0\tb/two.png\n.\\c\\three.webp,3\nfile:///a%20b.jpg\n#x.jpg\n',
  '.tsv': '# made\nFile Name\tClass\na/one.jpg\tcat\nb;two.png\tdog\n',
  '.jsonl': '"a/one.jpg"\n{"Image_Path":"caf\\udce9.jpg","Label":1}\n',
};

export function startLists(): Promise<Fuzzer> {
  const folder = newFolder();
  const seeds = Object.values(LISTS);
  const words = [...AWKWARD_WORDS, '../../etc/passwd', './', 'path', 'label', 'C:\\x', '\\', '//'];
  const run = async (rng: Rng): Promise<Outcome> => {
    const extension = pick(rng, Object.keys(LISTS));
    const mutated = mutateText(rng, LISTS[extension]!, seeds, words, MAX_FILE);
    const text = once(rng, 12)
      ? randomBytes(rng, 400)
      : once(rng, 12)
        ? Buffer.from(`\u{FEFF}${mutated}`, 'utf16le')
        : Buffer.from(mutated, once(rng, 12) ? 'latin1' : 'utf8');
    const path = join(folder, `list${extension}`);
    const outcome = outcomeOf(() => {
      for (const entry of readImageList(path, folder, listText(path, text)).paths) {
        const isInside = !isAbsolute(entry) && normalize(entry).split('/')[0] !== '..';
        assert.ok(isInside && !entry.includes('\0'), `lists ${JSON.stringify(entry)}`);
      }
    });
    if (once(rng, 4)) await readThroughSource(folder, path, text);
    return outcome;
  };
  return Promise.resolve({ run, close: () => fs.rmSync(folder, { recursive: true }) });
}

/** Opens a list as a run does, and the first image that it names. */
async function readThroughSource(folder: string, path: string, text: Uint8Array): Promise<void> {
  fs.writeFileSync(path, text);
  try {
    await withinRoot(fs.realpathSync(folder), async () => {
      const source = await openImageSource(path);
      await source.read(0).catch((error: unknown) => {
        assert.ok(error instanceof Error && 'code' in error, messageOf(error));
      });
    });
  } catch (error) {
    requireRefusal(error);
  }
}
