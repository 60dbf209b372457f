import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { firstIssue } from '../../src/messages/schema-issue.ts';

const schema = z.strictObject({
  name: z.string('no text'),
  sizes: z.array(z.strictObject({ count: z.int('no integer') })),
});

function issueOf(value: unknown, within?: readonly string[]): string {
  const parsed = schema.safeParse(value);
  assert.ok(!parsed.success);
  return firstIssue(parsed.error, within);
}

test('an issue is told with the keys and indices that lead to it', () => {
  const value = { name: 'a', sizes: [{ count: 1 }, { count: 0.5 }] };
  assert.equal(issueOf(value), 'at sizes.1.count: no integer');
});

test('of several issues the first one is told', () => {
  assert.equal(issueOf({ name: 1, sizes: [{ count: 0.5 }] }), 'at name: no text');
});

test('the place of a part begins where the part lies in the whole', () => {
  const value = { name: 'a', sizes: [{ count: 0.5 }] };
  assert.equal(issueOf(value, ['header', 'a']), 'at header.a.sizes.0.count: no integer');
  assert.equal(issueOf({ name: 1, sizes: [] }, ['header']), 'at header.name: no text');
});
