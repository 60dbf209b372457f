/** The fuzzer itself: what it draws comes again, and it sees every kind of harm. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { configInvalid } from '../../src/errors.ts';
import { fuzz, requireRefusal, type FuzzTarget, type Fuzzer } from './engine.ts';
import { mutateBytes, mutateText, mutateValue } from './mutate.ts';
import { withinRoot } from './opened-paths.ts';

function targetOf(run: Fuzzer['run']): FuzzTarget {
  const start = () => Promise.resolve({ run });
  return { name: 'double', kind: 'frames', weight: 1, memoryBytes: 10_000_000, start };
}

async function problemsOf(run: Fuzzer['run']): Promise<string[]> {
  const { defects } = await fuzz(targetOf(run), { seed: 1, inputs: 3 });
  return defects.map(({ problem }) => problem);
}

const FINE = { inputs: 1, accepted: 1 };

test('a case is the same from its seed, alone or among others', async () => {
  const drawn: string[] = [];
  const target = targetOf((rng) => {
    const seed = Buffer.from('a seed of some bytes');
    const text = mutateText(rng, 'x: 1', ['y: [2]'], ['__proto__'], 99);
    const value = mutateValue(rng, { a: [1, 2], b: 'c' });
    drawn.push(JSON.stringify([mutateBytes(rng, seed, [seed], 99).toString('hex'), text, value]));
    return FINE;
  });
  await fuzz(target, { seed: 7, inputs: 50 });
  const [, , third] = drawn;
  assert.ok(new Set(drawn).size > 40);
  drawn.length = 0;
  await fuzz(target, { seed: 7, inputs: 50, case: 2 });
  assert.deepEqual(drawn, [third]);
});

test('a decoder that throws is a defect with its place, and the other cases go on', async () => {
  let cases = 0;
  const problems = await problemsOf(() => {
    cases += 1;
    if (cases === 2) throw new TypeError('x is not a function');
    return FINE;
  });
  assert.equal(cases, 3);
  assert.match(problems.join(), /^TypeError: x is not a function/);
});

test('memory that is taken for a word is a defect', async () => {
  const [problem = ''] = await problemsOf(() => {
    new Uint8Array(50_000_000);
    return FINE;
  });
  assert.match(problem, /^took 5\d{7} bytes of memory, at most 10000000 are expected$/);
});

test('only one readable line of a TrainerError is a refusal', () => {
  requireRefusal(configInvalid('a\nb\u001b[31m', 'must be short', 'x'.repeat(9_000)));
  assert.throws(() => {
    requireRefusal(new RangeError('index out of range'));
  }, /not a TrainerError: RangeError/);
});

test('a file outside the root is noticed, by name and by link', async () => {
  const home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'guard-')));
  const root = join(home, 'root');
  fs.mkdirSync(root);
  fs.writeFileSync(join(home, 'secret'), 'x');
  fs.writeFileSync(join(root, 'own'), 'x');
  fs.symlinkSync(join(home, 'secret'), join(root, 'link'));
  try {
    assert.equal(await withinRoot(root, () => fs.readFileSync(join(root, 'own'), 'utf8')), 'x');
    for (const name of ['link', '../secret']) {
      const read = withinRoot(root, () => fs.readFileSync(join(root, name), 'utf8'));
      await assert.rejects(read, /secret, which is outside its root/);
    }
  } finally {
    fs.rmSync(home, { recursive: true });
  }
});
