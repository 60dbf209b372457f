/**
 * The files for the place where the project is hosted: they parse, call only what exists, run on the
 * Node versions that package.json supports, and may do no more than they must.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { obstacles as untypedObstacles } from '../../scripts/release-ready.mjs';
import { PARTS as untypedParts, filesOf as untypedFilesOf } from '../../scripts/test-parts.mjs';
import { packageRoot } from '../../src/process/package-root.ts';

interface Part {
  readonly program?: readonly string[];
}
const PARTS = untypedParts as Readonly<Record<string, Part>>;
const filesOf = untypedFilesOf as (part: Part) => string[];
const obstacles = untypedObstacles as (
  tag: string,
  manifest: object,
  changelog: string,
) => readonly string[];

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string | boolean>>;
}
interface Job {
  readonly 'timeout-minutes'?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: unknown;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: { readonly group: string };
  readonly jobs: Readonly<Record<string, Job>>;
}

const root = packageRoot();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  version: string;
  engines: { node: string };
  scripts: Record<string, string>;
};
const FOLDER = '.github/workflows';
const workflows = readdirSync(join(root, FOLDER)).map(
  (file) => [file, parse(read(`${FOLDER}/${file}`)) as Workflow] as const,
);

/** The values that a text with `${{ matrix.x }}` takes. */
function expanded(text: string, { strategy }: Job): string[] {
  const [whole, name] = /\$\{\{ matrix\.(\w+) \}\}/.exec(text) ?? [];
  if (whole === undefined) return [text];
  const values = strategy?.matrix[name!];
  assert.ok(values !== undefined, `no matrix.${name!}`);
  return values.map((value) => text.replace(whole, value));
}

/** @throws where a command line calls a script, a part of the tests or a file that is not there */
function assertCallsWhatExists(line: string): void {
  const [program = '', ...args] = line.trim().split(/\s+/);
  if (program === 'npm') {
    const script = args[0] === 'run' ? args[1]! : args[0]!;
    const isBuiltIn = ['ci', 'publish'].includes(script);
    assert.ok(isBuiltIn || Object.hasOwn(manifest.scripts, script), `no npm script: ${line}`);
  } else {
    const path = program === 'node' ? args[0]! : program;
    assert.ok(existsSync(join(root, path)), `no such file: ${line}`);
  }
  const only = args.find((arg) => arg.startsWith('--only='))?.slice('--only='.length);
  for (const part of only?.split(',') ?? []) {
    assert.ok(Object.hasOwn(PARTS, part), `no part of the tests: ${part}`);
  }
}

/** Whether `range`, of carets and lower bounds by `||`, takes some release of that major version. */
function takesMajor(range: string, major: number): boolean {
  return range.split('||').some((piece) => {
    const [, sign, first] = /^\s*(\^|>=)(\d+)\./.exec(piece) ?? assert.fail(`range ${piece}`);
    return sign === '^' ? major === Number(first) : major >= Number(first);
  });
}

for (const [file, workflow] of workflows) {
  describe(`the workflow ${file}`, () => {
    test('calls only scripts, parts and files that there are', () => {
      for (const job of Object.values(workflow.jobs)) {
        const lines = job.steps.flatMap(({ run }) => run?.trim().split('\n') ?? []);
        for (const line of lines) expanded(line, job).forEach(assertCallsWhatExists);
      }
    });

    test('reads the repository and does nothing else, but for the release, which signs', () => {
      assert.deepEqual(workflow.permissions, { contents: 'read' });
      for (const { permissions } of Object.values(workflow.jobs)) {
        const signs = { contents: 'read', 'id-token': 'write' };
        assert.deepEqual(permissions, file === 'release.yml' ? signs : undefined);
      }
    });

    test('names the version of each action, ends in time, and is not run twice at once', () => {
      assert.ok(workflow.concurrency.group.length > 0);
      for (const job of Object.values(workflow.jobs)) {
        assert.ok((job['timeout-minutes'] ?? Infinity) <= 360);
        for (const { uses } of job.steps) {
          if (uses !== undefined) assert.match(uses, /@(v\d+(\.\d+)*|[0-9a-f]{40})$/);
        }
      }
    });

    test('runs on versions of Node that package.json supports', () => {
      for (const job of Object.values(workflow.jobs)) {
        const versions = job.steps.flatMap((step) => {
          const version = step.with?.['node-version'];
          return version === undefined ? [] : expanded(String(version), job);
        });
        assert.ok(versions.length > 0);
        for (const version of versions) {
          assert.ok(takesMajor(manifest.engines.node, Number(version)), `Node ${version}`);
        }
      }
    });
  });
}

test('the check runs on Node 22, 24 and 26, and on each release line that package.json names after 20', () => {
  const { jobs } = workflows.find(([file]) => file === 'check.yml')![1];
  const tested = jobs['linux']!.strategy!.matrix['node']!;
  assert.deepEqual(tested, ['22', '24', '26']);
  const named = [...manifest.engines.node.matchAll(/(\d+)\.\d+\.\d+/g)].map(([, major]) => major!);
  for (const major of named) assert.ok(major === '20' || tested.includes(major), `Node ${major}`);
});

test('every part of the tests that is not run every time is run by a workflow', () => {
  const commands = workflows.flatMap(([, { jobs }]) =>
    Object.values(jobs).flatMap((job) =>
      job.steps.flatMap(({ run }) => (run === undefined ? [] : expanded(run, job))),
    ),
  );
  for (const [name, part] of Object.entries(PARTS)) {
    const { everyTime = false } = part as { everyTime?: boolean };
    const isRun = commands.some((line) => new RegExp(`--only=(\\S+,)?${name}(,|$)`).test(line));
    assert.ok(everyTime || isRun, name);
  }
});

test('every part of the tests has files, or a program that is there', () => {
  for (const [name, part] of Object.entries(PARTS)) {
    if (name === 'package') continue;
    const program = part.program?.find((arg) => /\.(ts|mjs)$/.test(arg));
    if (program === undefined) assert.ok(filesOf(part).length > 0, name);
    else assert.ok(existsSync(join(root, program)), name);
  }
});

test('a release needs a tag of its version, a repository and an entry in the changelog', () => {
  const ready = { version: '1.2.0', repository: 'here' };
  assert.deepEqual(obstacles('v1.2.0', ready, '# Changelog\n\n## 1.2.0\n'), []);
  assert.deepEqual(obstacles('v1.2.1', { version: '1.2.0' }, '## 1.2.0 (unreleased)\n'), [
    'tag v1.2.1: package.json has version 1.2.0',
    'package.json names no repository, which provenance is checked against',
    'CHANGELOG.md calls 1.2.0 unreleased',
  ]);
  assert.match(obstacles('v1.2.0', ready, '## 1.20.0\n').join(), /no heading for 1\.2\.0/);
});

test('the other files of .github parse', () => {
  const { updates } = parse(read('.github/dependabot.yml')) as {
    updates: { 'package-ecosystem': string; directory: string }[];
  };
  for (const { directory } of updates) assert.ok(existsSync(join(root, directory)), directory);
  for (const file of readdirSync(join(root, '.github/ISSUE_TEMPLATE'))) {
    const [, front = ''] = read(`.github/ISSUE_TEMPLATE/${file}`).split('---\n');
    const { name, about } = parse(front) as Record<string, string>;
    assert.ok(name !== undefined && about !== undefined, file);
  }
});
