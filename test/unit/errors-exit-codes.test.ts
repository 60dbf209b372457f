import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EXIT } from '../../src/errors.ts';

const root = new URL('../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');

test('the document that the exit codes name has a table of exactly them', () => {
  const [, document] = /Exit codes of every command \((\S+)\)/.exec(text('src/errors.ts'))!;
  const [, section = ''] = text(document!).split('## Exit codes\n');
  const [table = ''] = section.split('\n## ');
  const codes = [...table.matchAll(/^\| (\d+) /gm)].map(([, code]) => Number(code));
  assert.deepEqual(
    codes,
    Object.values(EXIT).toSorted((a, b) => a - b),
  );
});
