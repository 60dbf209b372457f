/** The rules of who imports whom hold where it matters: a planted breach of each kind fails the check. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { packageRoot } from '../../src/process/package-root.ts';

const root = packageRoot();
const PROGRAM = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const ROOMS = '.dependency-cruiser.mjs';
const LOADS = '.dependency-cruiser.loads.mjs';
const folder = mkdtempSync(join(tmpdir(), 'imports-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Cruise {
  readonly summary: {
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
    }[];
  };
}

/** By planted file: the rules that it breaks, in a tree that holds these files and nothing else. */
function breaches(files: Readonly<Record<string, string>>, config = ROOMS): Map<string, string[]> {
  const tree = mkdtempSync(join(folder, 'tree-'));
  for (const name of [ROOMS, LOADS, 'tsconfig.json', 'package.json']) {
    cpSync(join(root, name), join(tree, name));
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const tops = [...new Set(Object.keys(files).map((path) => path.split('/')[0]!))];
  const options = [`--config=${config}`, '--output-type=json', ...tops];
  const { stdout } = spawnSync(process.execPath, [PROGRAM, ...options], {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const found = new Map<string, string[]>();
  for (const { rule, from } of (JSON.parse(stdout) as Cruise).summary.violations) {
    found.set(from, [...(found.get(from) ?? []), rule.name]);
  }
  return found;
}

/** The source folders of the project, as the check reads them: a circle is planted in each. */
const FOLDERS = [
  ...[
    'bench',
    'coordinator/control',
    'coordinator/run',
    'server',
    'worker',
    'test/unit',
    'test/simulation',
  ],
  ...['src/cli/commands', 'src/data/loader', 'src/math', 'src/nn', 'src/run/lock', 'src/rpc'],
];

test('a circle of imports, of types alone too, fails the check in whatever folder it is', () => {
  const files = FOLDERS.flatMap((place) => [
    [`${place}/circle-a.ts`, "import type { B } from './circle-b.ts';\nexport type A = B[];\n"],
    [
      `${place}/circle-b.ts`,
      "import type { A } from './circle-a.ts';\nexport type B = A | null;\n",
    ],
  ]);
  const found = breaches(Object.fromEntries(files) as Record<string, string>);
  for (const place of FOLDERS) {
    const rules = ['a', 'b'].flatMap((name) => found.get(`${place}/circle-${name}.ts`) ?? []);
    assert.ok(rules.includes('no-circles'), place);
  }
});

test('an import against the rules fails the check, and says which rule', () => {
  const importOf = (what: string): string => `import '${what}';\n`;
  const planted: Readonly<Record<string, readonly [breach: string, rule: string]>> = {
    'src/math/a.ts': ['../ps/there.ts', 'src-math'],
    'src/ps/b.ts': ['node:fs', 'pure'],
    'coordinator/fleet/fleet-state.ts': ['node:fs', 'decisions-are-pure'],
    'src/ps/layout.ts': ['node:fs', 'hashes-only'],
    'src/errors.ts': ['./ps/there.ts', 'errors-import-nothing'],
    'src/report/c.ts': ['../rpc/there.ts', 'src-report'],
    'src/config/d.ts': ['../clustering/there.ts', 'src-config'],
    'src/run/e.ts': ['../../coordinator/there.ts', 'src-is-the-library'],
    'src/cli/commands/f.ts': ['../../../coordinator/there.ts', 'commands-start-mains'],
    'coordinator/g.ts': ['../worker/there.ts', 'coordinator-apart'],
    'worker/h.ts': ['../server/there.ts', 'worker-apart'],
    'server/i.ts': ['../coordinator/there.ts', 'server-apart'],
    'worker/k.ts': ['../test/there.ts', 'tests-are-leaves'],
    'worker/l.ts': ['@grpc/grpc-js', 'home-of-grpc'],
    'worker/m.ts': ['sharp', 'home-of-sharp'],
    'server/n.ts': ['./nowhere.ts', 'resolvable'],
  };
  const others = ['src/ps', 'src/rpc', 'src/clustering', 'coordinator', 'worker', 'server', 'test'];
  const found = breaches({
    ...Object.fromEntries(others.map((place) => [`${place}/there.ts`, 'export {};\n'])),
    ...Object.fromEntries(
      Object.entries(planted).map(([path, [breach]]) => [path, importOf(breach)]),
    ),
  });
  for (const [path, [, rule]] of Object.entries(planted)) {
    assert.ok(found.get(path)?.includes(rule), `${path}: ${String(found.get(path))}, not ${rule}`);
  }
});

test('coordinator and server may know a type of the networks, but load no tensor library', () => {
  const found = breaches(
    {
      'src/nn/tensors.ts': "import '@tensorflow/tfjs';\nexport type Model = number;\n",
      'src/run/model.ts': "import '../nn/tensors.ts';\n",
      'coordinator/loads.ts': "import '../src/run/model.ts';\n",
      'server/loads.ts': "import '../src/nn/tensors.ts';\n",
      'coordinator/knows.ts':
        "import type { Model } from '../src/nn/tensors.ts';\nexport type M = Model;\n",
      'coordinator/later.ts': "export const later = () => import('../src/nn/tensors.ts');\n",
      'worker/loads.ts': "import '../src/nn/tensors.ts';\n",
    },
    LOADS,
  );
  const planted = ['coordinator/loads.ts', 'server/loads.ts'];
  assert.deepEqual([...found.keys()].toSorted(), planted);
  for (const path of planted)
    assert.deepEqual([...new Set(found.get(path))], ['no-tensors-in-control']);
});

test('what the rules allow passes', () => {
  const found = breaches({
    'src/errors.ts': 'export class TrainerError extends Error {}\n',
    'src/math/matrix.ts': "import '../errors.ts';\n",
    'src/clustering/kmeans.ts': "import '../math/matrix.ts';\n",
    'coordinator/run/loop.ts': "import '../../src/clustering/kmeans.ts';\nimport 'node:fs';\n",
    'server/memory-service.ts': "import '@grpc/grpc-js';\n",
    'test/unit/a.test.ts': "import '../../coordinator/run/loop.ts';\n",
  });
  assert.deepEqual([...found], []);
});
