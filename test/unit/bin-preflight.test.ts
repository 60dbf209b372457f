/** The program's needs of its surroundings, as it checks them before it is loaded. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/process/package-root.ts';

const preflight = pathToFileURL(join(packageRoot(), 'bin', 'preflight.mjs')).href;
const { missingPackage, nodeProblem } = (await import(preflight)) as {
  missingPackage: (error: Error, isCheckout: boolean) => string | null;
  nodeProblem: (version: string) => string | null;
};

test('takes the versions of Node that package.json names, and those after them', () => {
  for (const version of ['20.19.0', '22.13.1', '24.0.0', '26.10.0', '27.0.0']) {
    assert.equal(nodeProblem(version), null, version);
  }
  for (const version of ['18.20.4', '20.18.3', '21.7.0', '22.12.0', '23.11.0']) {
    assert.match(nodeProblem(version)!, /^Node [\d.]+ is too old; run it with one of 20\.19, 22/);
  }
  const { engines } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  assert.equal(engines.node, '^20.19.0 || ^22.13.0 || >=24.0.0');
});

test('names a package that is missing, and what brings it back where the program is', () => {
  const error = Object.assign(new Error("Cannot find package 'sharp' imported from /x/y.js"), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
  assert.match(missingPackage(error, true)!, /sharp is not installed; run: npm ci, in \//);
  assert.match(
    missingPackage(error, false)!,
    /sharp is not installed; install deepcluster-ps again/,
  );
  assert.equal(missingPackage(new Error('x'), true), null);
});
