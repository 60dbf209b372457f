/** The image's recipe, k8s/Dockerfile: whether its context holds what it reads, and whether it makes what setup makes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/process/package-root.ts';

function read(...path: string[]): string {
  return readFileSync(join(packageRoot(), ...path), 'utf8');
}

const dockerfile = read('k8s', 'Dockerfile');
const context = Array.from(
  read('k8s', 'Dockerfile.dockerignore').matchAll(/^!(.+)$/gm),
  (match) => match[1]!,
);

test('everything that is compiled is in the context', () => {
  const { include } = JSON.parse(read('tsconfig.build.json')) as { include: readonly string[] };
  assert.ok(include.length > 0);
  for (const pattern of include) {
    const folder = pattern.split('/')[0]!;
    assert.ok(context.includes(folder), folder);
  }
});

test('everything that is copied from the context is in it', () => {
  const copies = Array.from(
    dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm),
    (match) => match[1]!,
  );
  const sources = copies.flatMap((list) => list.split(' ')).filter((source) => source !== '.');
  assert.ok(sources.length > 0);
  for (const source of sources) assert.ok(context.includes(source), source);
});

test('its TensorFlow is the release that setup takes', () => {
  const [, ofSetup] = /^const VERSION = '(.+)';$/m.exec(read('scripts', 'setup-tensorflow.mjs'))!;
  assert.ok(dockerfile.includes(`ARG TENSORFLOW_VERSION=${ofSetup!}\n`), ofSetup);
});
