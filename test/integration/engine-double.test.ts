/**
 * What it takes to add an engine: a folder and a line of the registry. The double computes on wasm
 * under a name of its own; settings, flags and the start of engines then know it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { packageRoot } from '../../src/process/package-root.ts';
import { scratchCopy, type ScratchCopy } from '../support/doubles/scratch-copy.ts';

const DOUBLE = `
import type { LoadEngine } from '../engine.ts';
import { loadEngine as loadWasm } from '../wasm/engine.ts';

export const loadEngine: LoadEngine = async (options) => {
  const make = await loadWasm(options);
  return (why) => ({ ...make(why), name: 'double', reason: \`double: \${why}\` });
};
`;

let copy: ScratchCopy;

before(() => {
  copy = scratchCopy();
  copy.add('src/engine/double/engine.ts', DOUBLE);
  copy.addLine(
    'src/engine/registry.ts',
    'wasm: {',
    '  double: { usesGpus: false, hasOwnHeap: true },',
  );
});

after(() => {
  copy.remove();
});

/** What a program prints that runs in the repository and may import files of the copy. */
function printed(program: string): unknown {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: packageRoot(),
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

test('an engine of one folder and one line starts, trains and clusters', () => {
  const result = printed(`
    import { startEngine } from '${copy.url('src/engine/start.ts')}';
    import { describeModel } from '${copy.url('src/nn/architectures.ts')}';
    import { modelConfigSchema } from '${copy.url('src/nn/config.ts')}';
    import { createModel } from '${copy.url('src/nn/loaded-model.ts')}';
    import { initialParameters, initialStatistics } from '${copy.url('src/ps/initial-values.ts')}';
    const config = modelConfigSchema.parse({ architecture: 'small-convnet', width: 4, featureDim: 8 });
    const spec = describeModel(config, 32, 3);
    const steps = [];
    for (const name of ['double', 'wasm']) {
      const engine = await startEngine(name, { threads: 1 });
      const model = createModel(spec, engine);
      model.load(initialParameters(spec.layout, 1), initialStatistics(spec.layout));
      const images = new Uint8Array(2 * 32 * 32 * 3).map((_, i) => i % 251);
      const { lossSum } = model.lossAndGradient(images, Int32Array.of(0, 2), ['step']);
      const { labels } = engine.clustering
        .rowsToCluster(Float32Array.of(0, 1, 10), 3, 1)
        .assign(Float32Array.of(0, 9), 2);
      steps.push({ name: engine.name, reason: engine.reason.slice(0, 8), lossSum, labels: [...labels] });
    }
    console.log(JSON.stringify(steps));
  `) as Record<'name' | 'reason' | 'lossSum' | 'labels', unknown>[];
  const [double, wasm] = result;
  assert.deepEqual({ ...double }, { ...wasm, name: 'double', reason: 'double: ' });
  assert.deepEqual(double!.labels, [0, 0, 1]);
});

test('settings and flags know its name', () => {
  const known = printed(`
    import { clusterConfigSchema } from '${copy.url('src/config/processes.ts')}';
    import { engineOption } from '${copy.url('src/cli/options.ts')}';
    const { engine } = clusterConfigSchema.parse({ engine: 'double' });
    console.log(JSON.stringify([engine, engineOption('').argChoices]));
  `);
  assert.deepEqual(known, ['double', ['auto', 'tensorflow', 'wasm', 'double']]);
});

test('the types of the copy hold', () => {
  const program = join(packageRoot(), 'node_modules', 'typescript', 'bin', 'tsc');
  const files = [
    ...['src/engine/start.ts', 'src/engine/double/engine.ts'],
    'src/engine/assembly/web-assembly.d.ts',
  ];
  const { status, stdout } = spawnSync(
    process.execPath,
    [program, '--noEmit', '-p', writtenConfig(files)],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stdout);
});

/** A project of these files alone, with the repository's options. */
function writtenConfig(files: readonly string[]): string {
  const config = { extends: './tsconfig.json', include: [], files };
  copy.add('tsconfig.double.json', JSON.stringify(config));
  return join(copy.folder, 'tsconfig.double.json');
}
