/**
 * The package as it is published: packed, installed in an empty folder, and used. Needs the package
 * registry, as `npm ci` does, and fails without it. `PACKAGE_MATRIX=full` tries every npm with every
 * user; else each of the two lines of npm once.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packageRoot } from '../../src/process/package-root.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import { PackageLab, type Consumer, type Installation } from '../support/runs/installed-package.ts';
import { SMALL } from '../support/runs/launched-run.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const STRANGE = 'ein Ordner für Bilder (µ)';

/** Root plays another user; anybody else can only be himself. */
const other = isRoot ? { user: NOBODY } : {};
const FULL: readonly Consumer[] = ['10', '11'].flatMap((npm) => [
  { npm, folder: 'plain', hasHome: true },
  { npm, folder: STRANGE, hasHome: false },
  { npm, folder: STRANGE, hasHome: false, ...other },
]);
const SHORT: readonly Consumer[] = [
  { npm: '10', folder: STRANGE, hasHome: false, ...other },
  { npm: '11', folder: 'plain', hasHome: true },
];
const MATRIX = process.env['PACKAGE_MATRIX'] === 'full' ? FULL : SHORT;

/** Scripts that dependencies run at an installation, with what they do: none reaches for a network. */
const KNOWN_SCRIPTS: Readonly<Record<string, string>> = {
  // Prints a banner, and notes in the temporary folder that it did.
  'core-js': `node -e "try{require('./postinstall')}catch(e){}"`,
  // Reads the consumer's package.json and warns of a version of itself.
  protobufjs: 'node scripts/postinstall',
};
/** Of a checkout only, or with an install script that fetches from elsewhere. */
const ABSENT = ['tsx', 'esbuild', 'typescript', '@tensorflow/tfjs-node-gpu'];

/** Of one consumer's tests, on a machine that has other work, too. */
const TIMEOUT_MS = 900_000;

/** Seconds on one core, also with the 1,200 images of a demo. */
const TINY = {
  ...{ ...SMALL, epochs: 1, 'evaluation.repeats': 1 },
  ...{ 'data.shardSize': 300, 'training.batchSize': 120, 'training.sliceSize': 60 },
};
const settings = Object.entries(TINY).flatMap(([key, value]) => [
  '--set',
  `${key}=${String(value)}`,
]);

const lab = new PackageLab();
let tarball: string;
before(async () => {
  tarball = await lab.pack();
});
after(() => {
  lab.remove();
});

for (const consumer of MATRIX) {
  const isLast = consumer === MATRIX.at(-1);
  const who = consumer.user === undefined ? 'this user' : `user ${consumer.user}`;
  const home = consumer.hasHome ? 'a home' : 'no home';
  const title = `npm ${consumer.npm}, ${who} with ${home}, in "${consumer.folder}"`;
  describe(title, { timeout: TIMEOUT_MS }, () => {
    let installed: Installation;
    before(async () => {
      installed = await lab.install(tarball, consumer);
    });

    test('brings nothing but packages of the registry, and no script that fetches', () => {
      const origins = [...installed.packages()].flatMap(([path, { resolved }]) =>
        resolved === undefined || path === 'node_modules/deepcluster-ps'
          ? []
          : [new URL(resolved).origin],
      );
      const { origin } = new URL(lab.registry);
      assert.deepEqual(
        [...new Set(origins), origin].filter((found) => found !== origin),
        [],
      );
      for (const { name, script } of installed.installScripts()) {
        assert.equal(script, KNOWN_SCRIPTS[name], `what ${name} runs at an installation`);
      }
      for (const name of ABSENT) {
        assert.ok(!existsSync(join(installed.folder, 'node_modules', name)), name);
      }
    });

    test('has a doctor, a demo and a launch', async (t) => {
      const doctor = await installed.deepcluster(['doctor', '--json']);
      assert.equal(doctor.code, 0, doctor.stderr);
      const { engine } = JSON.parse(doctor.stdout) as { engine: { name: string } };
      assert.equal(engine.name, 'wasm');
      assert.match(doctor.stdout, /not installed; set it up with `npx deepcluster setup`/);

      const first = ['demo', '--out', 'erster Lauf', ...settings, '--json'];
      const demo = await installed.deepcluster(first);
      assert.equal(demo.code, 0, demo.stderr);
      assert.equal((JSON.parse(demo.stdout) as RunSummary).epochs, 1);
      assert.ok(existsSync(join(installed.folder, 'erster Lauf', 'report.html')));
      const seconds = ((performance.now() - installed.beganMs) / 1000).toFixed(1);
      t.diagnostic(`${seconds} s from npm install to the end of the demo`);

      const make = ['data', 'make', '--classes', '4', '--per-class', '30', '--size', '32'];
      const made = await installed.deepcluster([...make, '--out', 'eigene Bilder']);
      assert.equal(made.code, 0, made.stderr);
      const launch = await installed.deepcluster([
        ...['launch', '--preset', 'demo', '--data', 'eigene Bilder', '--out', 'zweiter Lauf'],
        ...['--workers', '2', '--servers', '1', ...settings, '--json'],
      ]);
      assert.equal(launch.code, 0, launch.stderr);
      assert.equal((JSON.parse(launch.stdout) as RunSummary).workers, 2);
    });

    if (isLast) testContents(() => installed);
  });
}

/** Every declaration of a folder, and below. */
function declarationsIn(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.d.ts'))
    .map((name) => join(folder, name));
}

/** A program of a consumer, in TypeScript or in plain JavaScript. */
function programOf(isTyped: boolean): string {
  const typed = (type: string): string => (isTyped ? `: ${type}` : '');
  return `
import { loadNetwork, openRun, train, TrainerError } from 'deepcluster-ps';
${isTyped ? "import type { EmbeddedImages } from 'deepcluster-ps';" : ''}
const phases${typed('Set<string>')} = new Set();
const { out, summary } = await train({
  data: 'eigene Bilder',
  preset: 'demo',
  out: process.argv[2],
  settings: ${JSON.stringify({ ...TINY, 'cluster.engine': 'wasm' })},
  onProgress: ({ phase }) => phases.add(phase),
});
const run = await openRun(out);
const network = await loadNetwork(run, { engine: 'wasm' });
const embedded${typed('EmbeddedImages')} = await network.embed('eigene Bilder');
await network.close();
const refused = await openRun('nowhere').catch((error${typed('unknown')}) => error);
console.log(JSON.stringify({
  images: summary.images,
  phases: [...phases],
  rows: embedded.paths.length,
  numbers: embedded.features.length / embedded.dim,
  clusters: embedded.clusters?.length,
  code: refused instanceof TrainerError ? refused.code : 'none',
}));
`;
}

/** What does not depend on who installed it, and how. */
function testContents(installation: () => Installation): void {
  const compiler = join(packageRoot(), 'node_modules', 'typescript', 'bin', 'tsc');

  for (const language of ['JavaScript', 'TypeScript'] as const) {
    test(`is a library for programs in ${language}`, async () => {
      const { folder } = installation();
      const isTyped = language === 'TypeScript';
      const name = isTyped ? 'typed' : 'plain';
      writeFileSync(join(folder, `${name}.${isTyped ? 'mts' : 'mjs'}`), programOf(isTyped));
      if (isTyped) {
        const types = [
          '--types',
          'node',
          '--typeRoots',
          join(packageRoot(), 'node_modules', '@types'),
        ];
        const flags = ['--strict', '--skipLibCheck', '--target', 'es2023', '--module', 'nodenext'];
        const compiled = spawnSync(
          process.execPath,
          [compiler, '--ignoreConfig', '--pretty', 'false', ...flags, ...types, `${name}.mts`],
          { cwd: folder, encoding: 'utf8' },
        );
        assert.equal(compiled.stdout, '');
      }
      const { code, stdout, stderr } = await installation().node([`${name}.mjs`, `run ${name}`]);
      assert.equal(code, 0, stderr);
      const told = JSON.parse(stdout.trim().split('\n').at(-1)!) as { phases: string[] };
      assert.ok(told.phases.includes('train'));
      assert.deepEqual(
        { ...told, phases: null },
        {
          ...{ images: 120, phases: null, rows: 120, numbers: 120, clusters: 120 },
          code: 'CONFIG_INVALID',
        },
      );
    });
  }

  test('has declarations whose imports resolve', () => {
    const program = realpathSync(join(installation().folder, 'node_modules', 'deepcluster-ps'));
    const files = declarationsIn(join(program, 'dist'));
    assert.ok(files.length > 100);
    const flags = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext'];
    const types = ['--types', 'node', '--typeRoots', join(packageRoot(), 'node_modules', '@types')];
    const { stdout } = spawnSync(
      process.execPath,
      [compiler, ...['--ignoreConfig', '--pretty', 'false', ...flags, ...types, ...files]],
      { cwd: installation().folder, encoding: 'utf8' },
    );
    // Declarations of dependencies have faults of their own.
    const own = stdout.split('\n').filter((line) => /deepcluster-ps\/dist\/.*error TS/.test(line));
    assert.deepEqual(own, []);
  });

  const environment = join(packageRoot(), '.tensorflow', 'cpu-2.21.0');
  const isMissing = existsSync(environment) ? false : 'no TensorFlow is set up in the checkout';
  test('is set up with a TensorFlow that is there', { skip: isMissing }, async () => {
    const here = {
      PATH: [lab.bin, process.env['PATH']].join(delimiter),
      // Away from the package's own modules, as for a user who cannot write to them.
      DEEPCLUSTER_SETUP_FOLDER: join(lab.path, 'setup'),
    };
    const user = installation().as(undefined, here);
    const set = await user.deepcluster(['setup', '--use', environment, '--json']);
    assert.equal(set.code, 0, set.stderr);
    assert.equal((JSON.parse(set.stdout) as { action: string }).action, 'built');
    const doctor = await user.deepcluster(['doctor', '--json']);
    const { engine, clustering, missing } = JSON.parse(doctor.stdout) as {
      engine: { name: string };
      clustering: unknown;
      missing: unknown[];
    };
    assert.equal(engine.name, 'tensorflow', JSON.stringify({ clustering, missing }));
  });

  test('says of itself what the registry shows', () => {
    const manifest = join(installation().folder, 'node_modules', 'deepcluster-ps', 'package.json');
    assert.ok(existsSync(manifest));
    for (const name of ['README.md', 'CHANGELOG.md', 'LICENSE', 'docs/engines.md']) {
      assert.ok(existsSync(join(manifest, '..', name)), name);
    }
  });
}
