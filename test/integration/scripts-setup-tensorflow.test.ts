/** The setup of TensorFlow against programs that play their parts: no network, no compiler, every obstacle. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { KERNELS, SetupDouble, type SetupRun } from '../support/doubles/setup-double.ts';

let setup: SetupDouble;
beforeEach(() => {
  setup = new SetupDouble();
});
afterEach(() => {
  setup.remove();
});

/** How often each of the steps that take time was done. */
function stepsOf({ calls }: SetupRun): Record<'pip' | 'compiled' | 'tested', number> {
  const count = (part: string): number => calls.filter((call) => call.includes(part)).length;
  return { pip: count('pip install'), compiled: count('-shared'), tested: count('smoke test') };
}

/** Asserts one line of result on stdout, this exit code, and what stands in the way on stderr. */
function assertStops(run: SetupRun, code: number, ...obstacles: RegExp[]): void {
  assert.equal(run.code, code, run.stderr.join('\n'));
  assert.equal(run.stdout.length, 1);
  assert.match(run.stdout[0]!, /^engine tensorflow: not set up: /);
  for (const obstacle of obstacles) {
    assert.ok(
      run.stderr.some((line) => obstacle.test(line)),
      `${String(obstacle)} in\n${run.stderr.join('\n')}`,
    );
  }
}

describe('a setup', () => {
  test('installs, compiles against the real folder, places, tests, and says so in one line', () => {
    const run = setup.run(['--version', '2.99.0']);
    assert.equal(run.code, 0, run.stderr.join('\n'));
    const tensorflow = setup.path('.tensorflow/cpu-2.99.0/lib/tensorflow');
    assert.deepEqual(run.stdout, [
      `engine tensorflow: set up and tested: TensorFlow 2.99.0 on CPU, 2 threads; ${tensorflow}`,
    ]);
    assert.deepEqual(stepsOf(run), { pip: 1, compiled: 1, tested: 1 });
    assert.ok(run.calls.some((call) => call.includes('--no-deps tensorflow-cpu==2.99.0')));
    assert.ok(run.calls.some((call) => call.includes(`-Wl,-rpath,${tensorflow}`)));
    // The project's own kernels are compiled into it.
    const sources = readdirSync(setup.path(KERNELS)).filter((name) => name.endsWith('.cc'));
    assert.ok(sources.length > 0);
    const compilation = run.calls.find((call) => call.includes('-shared'))!.split(' ');
    for (const name of sources) {
      const source = join(realpathSync(setup.path(KERNELS)), name);
      assert.ok(compilation.includes(source), `${source} in ${compilation.join(' ')}`);
    }
    assert.equal(readFileSync(setup.addon, 'utf8'), 'addon\n');
    assert.deepEqual(readdirSync(setup.path('.tensorflow')).sort(), [
      ...['cpu-2.99.0', 'headers', 'node_modules', 'package-lock.json', 'package.json'],
      ...['setup.json', 'tfjs', 'tfjs-core', 'tfjs_binding.node'], // nothing half done
    ]);
  });

  test('gets the packages of the addon by npm, once, and runs no script of theirs', () => {
    const run = setup.run();
    const [call = '', ...others] = run.calls.filter((line) => line.startsWith('npm '));
    assert.deepEqual(others, []);
    for (const part of ['npm ci', '--ignore-scripts', '--registry=https://registry.example/']) {
      assert.ok(call.includes(part), `${part} in ${call}`);
    }
    // The addon shares the tensor library of the program.
    for (const name of ['tfjs', 'tfjs-core']) {
      const library = realpathSync(setup.path(`node_modules/@tensorflow/${name}/index.js`));
      const text = readFileSync(setup.path(`.tensorflow/${name}/index.js`), 'utf8');
      assert.equal(text, `module.exports = require(${JSON.stringify(library)});\n`);
    }
    assert.ok(!setup.run().calls.some((line) => line.startsWith('npm ')));
  });

  test('of packages that are listed anew gets them again, and compiles again', () => {
    assert.equal(setup.run().code, 0);
    setup.write('scripts/tensorflow/packages/package-lock.json', '{}');
    const run = setup.run([], { FAKE_PACKAGE: '5.0.0' });
    assert.equal(run.calls.filter((line) => line.startsWith('npm ')).length, 1);
    assert.deepEqual(stepsOf(run), { pip: 0, compiled: 1, tested: 1 });
  });

  test('that was done is tested and not done again, also where its packages are gone', () => {
    assert.equal(setup.run().code, 0);
    rmSync(setup.path('.tensorflow/node_modules'), { recursive: true });
    const run = setup.run(['--json']);
    assert.deepEqual(stepsOf(run), { pip: 0, compiled: 0, tested: 1 });
    assert.equal((JSON.parse(run.stdout[0]!) as { action: string }).action, 'verified');
    assert.equal(readFileSync(setup.addon, 'utf8'), 'addon\n');
  });

  test('keeps all of it in the folder that the environment names', () => {
    const folder = setup.path('elsewhere');
    const run = setup.run(['--json'], { DEEPCLUSTER_SETUP_FOLDER: folder });
    // The double of the smoke test looks where the addon is not.
    assert.equal(run.code, 42);
    assert.ok(setup.has('elsewhere/node_modules') && setup.has('elsewhere/cpu-2.21.0'));
    assert.ok(!setup.has('.tensorflow'));
  });

  test('of other sources of the kernels than those that are here is compiled again', () => {
    assert.equal(setup.run().code, 0);
    setup.write(`${KERNELS}/operation.h`, '// another recipe\n');
    assert.deepEqual(stepsOf(setup.run()), { pip: 0, compiled: 1, tested: 1 });
    assert.deepEqual(stepsOf(setup.run()), { pip: 0, compiled: 0, tested: 1 });
  });

  test('that was killed in the middle of an installation begins that step again', () => {
    const killed = setup.run([], { FAKE_PIP: 'killed' });
    assert.deepEqual([killed.code, killed.stdout], [null, []]);
    const run = setup.run();
    assert.equal(run.code, 0, run.stderr.join('\n'));
    assert.deepEqual(stepsOf(run), { pip: 1, compiled: 1, tested: 1 });
    assert.ok(!setup.has('.tensorflow/environment.partial'));
  });

  test('goes on behind the installation where only the compiler failed', () => {
    assertStops(
      setup.run([], { FAKE_COMPILER: 'tfjs_backend.cc:7:1: fatal error: gone.h: No such file' }),
      42,
      /does not compile against .*fatal error: gone\.h.*; leave out --version/,
    );
    assert.ok(!setup.has('.tensorflow/setup.json'));
    const run = setup.run();
    assert.deepEqual(stepsOf(run), { pip: 0, compiled: 1, tested: 1 });
    assert.equal(run.code, 0);
  });

  test('of another release takes the place of the earlier one, once it passes its test', () => {
    assert.equal(setup.run(['--version', '2.98.0']).code, 0);
    const failed = setup.run(['--version', '2.99.0'], { FAKE_SMOKE: 'kernels are wrong' });
    assertStops(failed, 42, /fails its test: Error: kernels are wrong; take the known release/);
    // The earlier one is in place as before.
    assert.deepEqual(stepsOf(setup.run(['--version', '2.98.0'])), {
      pip: 0,
      compiled: 0,
      tested: 1,
    });
    assert.equal(setup.run(['--version', '2.99.0']).code, 0);
    assert.ok(!setup.has('.tensorflow/cpu-2.98.0'), 'a gigabyte that nothing uses');
  });

  test('whose first test fails leaves no addon that would not work', () => {
    assertStops(setup.run([], { FAKE_SMOKE: 'kernels are wrong' }), 42);
    assert.throws(() => readFileSync(setup.addon), /ENOENT/);
  });

  test('takes the build for GPUs where the driver lists one', () => {
    setup.program('nvidia-smi', '#!/bin/sh\necho "GPU 0: NVIDIA H200 (UUID: GPU-3c1f)"\n');
    const run = setup.run(['--version', '2.99.0']);
    assert.equal(run.code, 0, run.stderr.join('\n'));
    assert.ok(run.calls.some((call) => call.endsWith(' tensorflow[and-cuda]==2.99.0')));
    assert.ok(setup.has('.tensorflow/cuda-2.99.0'));
  });

  test('is taken away by --variant none', () => {
    assert.equal(setup.run().code, 0);
    const run = setup.run(['--variant', 'none', '--json']);
    assert.deepEqual(JSON.parse(run.stdout[0]!), { ok: true, action: 'removed' });
    assert.ok(!setup.has('.tensorflow'));
    assert.throws(() => readFileSync(setup.addon), /ENOENT/);
  });
});

describe('what is missing is said in a line each, with its remedy:', () => {
  test('Python and the compiler, both at once and before anything is downloaded', () => {
    rmSync(setup.path('bin/python3'));
    rmSync(setup.path('bin/g++'));
    const run = setup.run();
    assertStops(
      run,
      42,
      /^no Python: python3 does not run; install it \(Debian: apt-get install python3-venv\)/,
      /^no C\+\+ compiler: g\+\+ does not run; install it \(Debian: apt-get install g\+\+\)/,
    );
    assert.deepEqual(stepsOf(run), { pip: 0, compiled: 0, tested: 0 });
    const problems = JSON.parse(setup.run(['--json']).stdout[0]!) as { problems: unknown[] };
    assert.equal(problems.problems.length, 2);
  });

  test("Debian's split of Python", () => {
    const run = setup.run([], { FAKE_PYTHON: 'ensurepip' });
    assertStops(run, 42, /^python3 has no module ensurepip; .*apt-get install python3-venv/);
  });

  test('npm, and what it cannot get', () => {
    const cases: readonly [string, number, RegExp][] = [
      [
        'npm error code EAI_AGAIN\nnpm error request to https://registry.example/x failed',
        75,
        /the registry cannot be reached: request to .* failed; try again with a network/,
      ],
      [
        'npm error code E404\nnpm error 404 Not Found - GET https://registry.example/x',
        42,
        /packages: 404 Not Found - GET .*; see its output/,
      ],
      ['npm error code ENOSPC', 42, /no space left on the disk; make room/],
    ];
    for (const [said, code, expected] of cases) {
      assertStops(setup.run([], { FAKE_NPM: said }), code, expected);
    }
    rmSync(setup.path('bin/npm'));
    assertStops(setup.run(), 42, /^no npm: npm does not run; install it: it comes with Node/);
  });

  test('what pip cannot get, and whether trying again may help', () => {
    const cases: readonly [string, number, RegExp][] = [
      [
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError'",
        75,
        /index cannot be reached; try again with a network/,
      ],
      [
        'ERROR: Could not find a version that satisfies the requirement x (from versions: 2.8.0, 2.9.0)',
        42,
        /there is 2\.8\.0, 2\.9\.0; name one of them with --version, or a Python/,
      ],
      ['ERROR: HTTP error 403 while getting x', 42, /the package index answers 403; name an index/],
      ['OSError: [Errno 28] No space left on device', 42, /no space left on the disk; make room/],
      ['python: No module named pip', 42, /no pip; install it \(Debian: apt-get install/],
    ];
    for (const [said, code, expected] of cases) {
      assertStops(setup.run([], { FAKE_PIP: said }), code, expected);
    }
    assert.ok(!setup.has('.tensorflow/setup.json'));
  });

  test('room on the disk', async () => {
    const preflight = pathToFileURL(setup.path('scripts/tensorflow/preflight.mjs')).href;
    const { roomObstacle } = (await import(preflight)) as {
      roomObstacle: (free: number, needed: number) => Error | null;
    };
    assert.equal(roomObstacle(2, 2), null);
    assert.match(
      roomObstacle(1.25, 2)!.message,
      /too little room .*: 1\.3 GiB, 2 needed; make room/,
    );
  });

  test('a wrong option, with the usage', () => {
    for (const args of [
      ['--variant', 'gpu'],
      ['--version', 'newest'],
      ['--use', '/x', '--version', '2.21.0'],
      ['--nonsense'],
    ]) {
      const { code, stdout, stderr } = setup.run(args);
      assert.deepEqual([code, stdout], [2, []]);
      assert.ok(stderr.some((line) => line.startsWith('usage: npx deepcluster setup')));
    }
  });
});

describe('--use takes a TensorFlow that is there:', () => {
  test('with the wheels of NVIDIA beside it, whose libraries the addon then loads first', () => {
    const tensorflow = setup.environmentWithTensorflow('own');
    setup.write('own/lib/nvidia/cublas/lib/libcublas.so.12', '');
    setup.write('own/lib/nvidia/cusolver/lib/libcusolver.so.11', '');
    setup.write('own/lib/nvidia/cuda_cupti/lib/libcupti.so.12', ''); // for profilers only
    setup.write('own/lib/nvidia/__init__.py', '');
    const { calls } = setup.run(['--use', tensorflow]);
    const compilation = calls.find((call) => call.includes('-shared'))!.split(' ');
    for (const [wheel, name] of [
      ['cublas', 'libcublas.so.12'],
      ['cusolver', 'libcusolver.so.11'],
    ] as const) {
      const at = setup.path(`own/lib/nvidia/${wheel}/lib`);
      for (const flag of [`-L${at}`, `-l:${name}`, `-Wl,-rpath,${at}`]) {
        assert.ok(compilation.includes(flag), `${flag} in ${compilation.join(' ')}`);
      }
    }
    assert.ok(!compilation.some((flag) => flag.includes('cupti')));
  });

  test('its folder, its environment, or its Python, with no installation', () => {
    const tensorflow = setup.environmentWithTensorflow('own');
    for (const named of [tensorflow, setup.path('own'), setup.path('own/bin/python')]) {
      const run = setup.run(['--use', named]);
      assert.equal(run.code, 0, run.stderr.join('\n'));
      assert.ok(run.stdout[0]!.endsWith(tensorflow), run.stdout[0]);
      assert.deepEqual(stepsOf(run), { pip: 0, compiled: 1, tested: 1 });
    }
  });

  test('and refuses what is none', () => {
    setup.write('empty/file', '');
    assertStops(setup.run(['--use', setup.path('empty')]), 42, /empty holds no TensorFlow; name a/);
    assertStops(setup.run(['--use', 'python4']), 42, /python4 does not run as a Python/);
    assertStops(
      setup.run(['--use', 'python3']),
      42,
      /python3 has no package tensorflow; python3 -m/,
    );
  });
});

describe('the host kernels of clustering', () => {
  test('are compiled first, and stand in the way of nothing', () => {
    setup.write('src/engine/clustering/host/native/kernels.cc', '');
    const run = setup.run();
    assert.equal(run.code, 0, run.stderr.join('\n'));
    assert.match(
      run.calls.find((call) => call.includes('-shared'))!,
      /native\/kernels\.cc/,
    );
    // What the double of a compiler writes is no module.
    const line = /^host kernels: not built, clustering is slower without them: the module does not/;
    assert.ok(run.stderr.some((text) => line.test(text)));
    assert.ok(
      !readdirSync(setup.path('.tensorflow')).some((name) => name.includes('host-kernels')),
    );

    const error = 'kernels.cc:1:1: error: what is this';
    const failed = setup.run([], { FAKE_COMPILER: error });
    assert.equal(failed.code, 0, failed.stderr.join('\n'));
    assert.ok(failed.stderr.some((text) => text.endsWith(`without them: ${error}`)));
  });

  test('are not there without their sources, which is said', () => {
    const run = setup.run();
    assert.equal(stepsOf(run).compiled, 1);
    assert.ok(run.stderr.some((text) => /^host kernels: not built, .*no sources in/.test(text)));
  });
});

describe("--variant stock runs upstream's own script", () => {
  test('and leaves its manifest as it was', () => {
    const run = setup.run(['--variant', 'stock']);
    assert.equal(run.code, 0, run.stderr.join('\n'));
    assert.equal(readFileSync(setup.addon, 'utf8'), 'cpu');
    assert.equal(readFileSync(setup.manifest, 'utf8'), '{ "version": "4.0.0" }');
  });

  test('and may be tried again where its download fails', () => {
    const run = setup.run(['--variant', 'stock'], { FAKE_STOCK: 'getaddrinfo ENOTFOUND' });
    assertStops(run, 75, /upstream's download failed: getaddrinfo ENOTFOUND; try again/);
    assert.equal(readFileSync(setup.manifest, 'utf8'), '{ "version": "4.0.0" }');
  });
});
