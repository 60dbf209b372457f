/** Engines as values: several in one process, each asked by name of nobody but its holder, and closed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { Engine } from '../../src/engine/engine.ts';
import { ENGINE_NAMES, engineEntry } from '../../src/engine/registry.ts';
import { startEngine } from '../../src/engine/start.ts';
import {
  begin,
  digestAlone,
  digestOf,
  modelOn,
  type Digest,
} from '../support/engines/engine-digest.ts';
import { testEngines } from '../support/engines/engines.ts';
import { plainEngine } from '../support/engines/plain-engine.ts';

const START = `import { startEngine } from '${new URL('../../src/engine/start.ts', import.meta.url).href}';`;
const PLAIN = `import { plainEngine } from '${new URL('../support/engines/plain-engine.ts', import.meta.url).href}';`;

/** Engines to put beside wasm: TensorFlow where it runs, and always the library's plain one. */
const COMPANIONS = [
  {
    name: 'tensorflow',
    start: () => startEngine('tensorflow'),
    expression: "await startEngine('tensorflow')",
    imports: [START],
  },
  {
    name: 'the plain backend',
    start: () => Promise.resolve(plainEngine()),
    expression: 'plainEngine()',
    imports: [PLAIN],
  },
];

const tensorflow = (await testEngines()).find(({ name }) => name === 'tensorflow');
// After the probing, which may have started it with another number of threads.
const wasm = await startEngine('wasm', { threads: 2 });
const skipOf = (name: string) => (name === 'tensorflow' ? tensorflow!.skip : false);

let wasmAlone: Digest | null = null;
/** As wasm computes with nobody else in its process. */
function aloneOnWasm(): Digest {
  return (wasmAlone ??= digestAlone("await startEngine('wasm', { threads: 2 })", [START]));
}

for (const { name, start, expression, imports } of COMPANIONS) {
  test(
    `wasm and ${name}, by turns in one process, give the bits of each alone`,
    { skip: skipOf(name) },
    async () => {
      const other = await start();
      const [ours, theirs] = [wasm, other].map((engine) => begin(engine, modelOn(engine)));
      const got = { ours: [ours!.step()], theirs: [theirs!.step()] };
      for (const part of ['step', 'cluster', 'whiten'] as const) {
        got.ours.push(ours![part]());
        got.theirs.push(theirs![part]());
      }
      ours!.end();
      theirs!.end();
      assert.deepEqual(got.ours, aloneOnWasm());
      assert.deepEqual(got.theirs, digestAlone(expression, imports));
    },
  );

  test(
    `work on ${name} within work on wasm leaves that where it was`,
    { skip: skipOf(name) },
    async () => {
      const other = await start();
      const inner = begin(other, modelOn(other));
      const sum = wasm.tidy(() => {
        const x = tf.tensor1d([1, 2, 3]);
        inner.step();
        assert.equal(tf.getBackend(), 'wasm');
        assert.throws(() => {
          other.run(() => {
            throw new Error('of the inner work');
          });
        }, /of the inner work/);
        assert.equal(tf.getBackend(), 'wasm', 'after a failure, too');
        return tf.sum(x).dataSync()[0];
      });
      inner.end();
      assert.equal(sum, 1 + 2 + 3);
    },
  );
}

test('an engine starts while another is at work, and neither notices', async () => {
  const plain = plainEngine();
  const alone = digestOf(plain);
  const work = begin(plain, modelOn(plain));
  // Another number of threads: a backend of its own, and the end of the one before.
  const starting = startEngine('wasm', { threads: 3 });
  const start = { isOver: false };
  void starting.then(() => {
    start.isOver = true;
  });
  const got = [work.step()];
  let turns = 0;
  for (; !start.isOver; turns += 1) {
    assert.deepEqual(
      plain.tidy(() => [...tf.square([3]).dataSync()]),
      [3 * 3],
    );
    assert.equal(tf.getBackend(), 'cpu');
    await new Promise(setImmediate);
  }
  assert.ok(turns > 1, 'there was work in between');
  got.push(work.step(), work.cluster(), work.whiten());
  work.end();
  assert.deepEqual(got, alone);
  const started = await starting;
  assert.deepEqual(digestOf(started), aloneOnWasm(), 'on any number of threads');
  await started.close();
});

test('work that goes on after it has returned is refused', () => {
  assert.throws(() => plainEngine().run(() => Promise.resolve(1)), /must be synchronous/);
});

test('a closed engine refuses work, and its name starts again', async () => {
  const [first, second] = [
    await startEngine('wasm', { threads: 3 }),
    await startEngine('wasm', { threads: 3 }),
  ];
  const refuses = (engine: Engine) => {
    assert.throws(() => engine.run(() => 1), { name: 'TypeError', message: /wasm was closed/ });
  };
  refuses(wasm); // that of two threads, which others have replaced
  await first.close();
  await first.close();
  refuses(first);
  assert.equal(
    second.run(() => 2),
    2,
    'who else has started it goes on',
  );
  await second.close();
  refuses(second);
  const again = await startEngine('wasm', { threads: 2 });
  assert.deepEqual(digestOf(again), aloneOnWasm());
  await again.close();
});

test('engines that are started at the same time are one after the other, and share what they can', async () => {
  const [first, second] = await Promise.all([
    startEngine('wasm', { threads: 2 }),
    startEngine('wasm', { threads: 2 }),
  ]);
  await first.close();
  assert.deepEqual(digestOf(second), aloneOnWasm());
});

test('auto stands for the first engine of the list, and a name that is not on it for none', () => {
  assert.equal(engineEntry('auto'), engineEntry(ENGINE_NAMES[0]!));
  assert.throws(() => engineEntry('webgl'), /no engine has the name webgl/);
});
