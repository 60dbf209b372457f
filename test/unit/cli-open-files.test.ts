import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireOpenFiles } from '../../src/launch/open-files.ts';

test('a run may have as many processes as there may be files open for', () => {
  requireOpenFiles(64 + 8 * 100, 100);
  requireOpenFiles(null, 100_000); // not known
  assert.throws(() => requireOpenFiles(64 + 8 * 100 - 1, 100), {
    code: 'CONFIG_INVALID',
    message:
      /a run of 100 workers and servers needs up to 864 open files at a time, 863 are allowed/,
  });
});
