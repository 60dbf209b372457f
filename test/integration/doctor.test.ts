/** `deepcluster doctor` in a process of its own, on every engine that runs here. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCpuFeatures } from '../../src/process/cpu-features.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { hostKernels } from '../../src/engine/clustering/host/host-kernels.ts';
import { parameterKernels } from '../../src/parameter-plane/kernels.ts';
import { testEngines } from '../support/engines/engines.ts';

for (const { name, skip, engine } of await testEngines()) {
  test(`doctor measures the engine that it is asked for (${name})`, { skip }, () => {
    const program = join(packageRoot(), 'bin', 'deepcluster.mjs');
    const { status, stdout, stderr } = spawnSync(program, ['doctor', '--engine', name, '--json'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const found = JSON.parse(stdout) as {
      engine: { name: string; version: string; device: string; hasOwnKernels: boolean };
      threads: number;
      cpu: { cores: number };
      gpus: unknown[];
      hostKernels: string;
      parameterKernels: string;
      gemmGflops: number;
      convGflops: number;
      missing: string[];
    };
    assert.equal(found.engine.name, name);
    assert.equal(found.engine.version, engine?.version);
    assert.equal(found.engine.device, engine?.device);
    assert.equal(found.engine.hasOwnKernels, engine?.hasOwnKernels);
    const lacksKernels = found.missing.some((line) => line.includes('kernels in the addon'));
    assert.equal(lacksKernels, !found.engine.hasOwnKernels);
    assert.equal(found.cpu.cores, availableParallelism());
    assert.equal(found.hostKernels, hostKernels().story);
    assert.equal(found.parameterKernels, parameterKernels().story);
    assert.ok(found.threads >= 1 && found.threads <= availableParallelism());
    assert.ok(found.gemmGflops > 0.1 && found.convGflops > 0.1);
    assert.ok(Array.isArray(found.gpus) && Array.isArray(found.missing));
  });
}

test('the features of a processor are those of its first core', () => {
  const text =
    'processor\t: 0\nflags\t\t: fpu avx2 fma avx512f\n\nprocessor\t: 1\nflags\t\t: fpu\n';
  assert.deepEqual(parseCpuFeatures(text), ['avx2', 'fma', 'avx512f']);
  assert.equal(parseCpuFeatures('processor\t: 0\nFeatures\t: fp asimd\n'), null);
});
