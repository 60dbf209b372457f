import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OrdersProgress } from '../../src/cli/shown/order-progress.ts';
import type { OrderProgress } from '../../src/telemetry/notice.ts';

const EVALUATE = { phase: 'evaluate', unit: 'images' } as const;

function features(about: string, done: number): OrderProgress {
  return { ...EVALUATE, about, part: 'features', done, total: 100 };
}

function probe(about: string, done: number): OrderProgress {
  return { ...EVALUATE, unit: 'passes', about, part: 'probe', done, total: 40 };
}

test('orders of several workers are added up, at the part of the slowest', () => {
  const orders = new OrdersProgress();
  const shown = (id: string, progress: OrderProgress): string => {
    const { phase, done, total, unit } = orders.note(id, progress);
    return `${phase} ${done}/${total} ${unit}`;
  };
  assert.equal(
    shown('worker-0', features('trained', 50)),
    'evaluate features (trained) 50/100 images',
  );
  assert.equal(
    shown('worker-1', features('random', 10)),
    'evaluate features (random, trained) 60/200 images',
  );
  // The first is done with its features, and tells of its probe.
  shown('worker-0', features('trained', 100));
  assert.equal(
    shown('worker-0', probe('trained', 1)),
    'evaluate features (random, trained) 110/200 images',
  );
  shown('worker-1', features('random', 100));
  assert.equal(
    shown('worker-1', probe('random', 5)),
    'evaluate probe (random, trained) 6/80 passes',
  );
});

test('a worker that goes on with another order counts anew', () => {
  const orders = new OrdersProgress();
  for (const progress of [features('trained', 100), probe('trained', 40)])
    orders.note('w', progress);
  assert.deepEqual(orders.note('w', features('random', 10)), {
    ...EVALUATE,
    phase: 'evaluate features (random)',
    ...{ done: 10, total: 100 },
  });
});
