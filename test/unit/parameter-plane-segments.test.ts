/** Memory that processes share: what its readers may rely on, and what its owner. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { ForeignSegments } from '../../src/parameter-plane/foreign-segments.ts';
import { GradientMemory } from '../../src/parameter-plane/gradient-memory.ts';
import { hostName, OwnSegment, type SegmentPlace } from '../../src/parameter-plane/segment.ts';
import { sharedValues } from '../../src/parameter-plane/shared-values.ts';
import { LentVector } from '../../src/ps/lent-vector.ts';

const skip = hostName() === '' && 'no shared memory on this system, or parameter kernels not built';

function filled(elements: number, value: number): OwnSegment {
  const segment = new OwnSegment(elements);
  segment.beginWrite();
  segment.values.fill(value);
  segment.endWrite();
  return segment;
}

test(
  'what the owner writes is what a reader finds, under a number that tells contents apart',
  { skip },
  () => {
    const own = filled(1000, 3);
    const found = new ForeignSegments().open(own.place)!;
    assert.deepEqual(found.values, new Float32Array(1000).fill(3));
    const before = found.sequence;
    assert.equal(before % 2, 0);
    own.beginWrite();
    assert.equal(found.sequence % 2, 1);
    own.values[999] = 4;
    assert.equal(own.endWrite(), before + 2);
    assert.equal(found.sequence, before + 2);
    assert.equal(found.values[999], 4);
  },
);

test('a segment is mapped once, and only where its place says what is there', { skip }, () => {
  const { place } = filled(8, 1);
  const segments = new ForeignSegments();
  assert.equal(segments.open(place), segments.open({ ...place }));
  assert.equal(segments.count, 1);
  const others: readonly Partial<SegmentPlace>[] = [
    { host: 'another machine' },
    { host: '' },
    { key: '0'.repeat(32) },
    { elements: 9 },
    { descriptor: 0 },
    { descriptor: 999_999 },
    { process: 2 ** 22 + 1 },
  ];
  for (const other of others) assert.equal(segments.open({ ...place, ...other }), null);
});

test('a reader outlives the owner, whose kill -9 leaves nothing behind', { skip }, async () => {
  const code = `
    import { OwnSegment } from ${JSON.stringify(new URL('../../src/parameter-plane/segment.ts', import.meta.url).href)};
    const segment = new OwnSegment(4096);
    segment.beginWrite();
    segment.values.fill(5);
    segment.endWrite();
    process.send(segment.place);
    setInterval(() => segment.values[0], 1000);
  `;
  const child = fork('-', {
    execPath: process.execPath,
    execArgv: ['--import', 'tsx', '--input-type=module', '--eval', code],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [place] = (await once(child, 'message')) as [SegmentPlace];
  const segments = new ForeignSegments();
  const segment = segments.open(place)!;
  assert.match(readlinkSync(`/proc/${place.process}/fd/${place.descriptor}`), /memfd:deepcluster/);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(segment.values[4095], 5);
  assert.equal(new ForeignSegments().open(place), null);
  // The next one to be opened lets go of it.
  segments.open(filled(1, 0).place);
  assert.equal(segments.count, 1);
});

test(
  'a slot is used again when the parameters have another version, and not before',
  { skip },
  () => {
    const slots = new GradientMemory();
    const fill = (value: number, term: number, version: number) =>
      slots.lend(new Float32Array(64).fill(value), { term, version })!;
    const segments = new ForeignSegments();
    const first = fill(1, 1, 5);
    const second = fill(2, 1, 5);
    assert.notEqual(second.descriptor, first.descriptor);
    // Late, of a step before: what waits for its commit stays as it is.
    const late = fill(3, 1, 4);
    assert.deepEqual(segments.open(first)!.values, new Float32Array(64).fill(1));
    assert.deepEqual(segments.open(second)!.values, new Float32Array(64).fill(2));
    assert.equal(segments.open(first)!.sequence, first.sequence);
    const next = fill(4, 1, 6);
    assert.ok([first, second, late].some(({ key }) => key === next.key));
    // The next term may go back to an earlier version.
    const resumed = fill(5, 2, 0);
    assert.ok([first, second, late].some(({ key }) => key === resumed.key));
  },
);

test(
  'a gradient is lent where it was computed, and what was not lent can be taken again',
  { skip },
  () => {
    const memory = new GradientMemory();
    const segments = new ForeignSegments();
    const moment = (version: number) => ({ term: 1, version });
    memory.begin(moment(0), true);
    const [sum, added] = [memory.take(8)!, memory.take(8)!];
    assert.notEqual(added, sum);
    sum.fill(1);
    memory.giveBack(added);
    assert.equal(memory.take(8), added);
    const lent = memory.lend(sum, moment(0))!;
    const { sequence, values } = segments.open(lent)!;
    assert.deepEqual([sequence, [...values]], [lent.sequence, Array(8).fill(1)]);
    // A push that is repeated is the same.
    assert.deepEqual(memory.lend(sum, moment(0)), lent);
    memory.giveBack(sum);
    // A second unit on the same parameters; the first one failed while it computed.
    memory.begin(moment(0), true);
    assert.equal(memory.take(8), added, 'not the one that is lent');
    // The step is over.
    memory.begin(moment(1), true);
    assert.equal(memory.take(8), sum);
    assert.notEqual(segments.open(lent)!.sequence, lent.sequence, 'it is no more what was pushed');
  },
);

test('without shared memory arrays that are given back are taken again', () => {
  const memory = new GradientMemory();
  memory.begin({ term: 1, version: 0 }, false);
  assert.equal(memory.take(8), null);
  const own = new Float32Array(8);
  memory.giveBack(own);
  memory.giveBack(own);
  assert.equal(memory.take(9), null, 'of another length');
  assert.equal(memory.take(8), own);
  assert.equal(memory.take(8), null);
});

test(
  'shared parameters take turns between two buffers, and say which content is which',
  { skip },
  () => {
    const memory = sharedValues()!;
    const vector = new LentVector(Float32Array.of(1, 2), memory);
    const read = (): { values: Float32Array; sequence: number } => {
      const { values, giveBack } = vector.lend();
      giveBack();
      return { values, sequence: memory.segmentOf(values)!.sequence };
    };
    const first = read();
    assert.deepEqual(first.values, Float32Array.of(1, 2));
    vector.beginWrite().to.fill(3);
    vector.endWrite();
    const second = read();
    assert.notEqual(second.values, first.values);
    assert.equal(memory.segmentOf(first.values)!.sequence, first.sequence);
    vector.beginWrite().to.fill(4);
    vector.endWrite();
    assert.equal(read().values, first.values);
    assert.notEqual(memory.segmentOf(first.values)!.sequence, first.sequence);
  },
);

test('of one process few segments stay mapped, those in use last', { skip }, () => {
  const segments = new ForeignSegments();
  const owned = Array.from({ length: 20 }, (_, i) => filled(4, i));
  const first = segments.open(owned[0]!.place);
  for (const { place } of owned) {
    assert.equal(segments.open(owned[0]!.place), first);
    assert.notEqual(segments.open(place), null);
  }
  assert.equal(segments.count, 8);
  assert.deepEqual(segments.open(owned[3]!.place)!.values, new Float32Array(4).fill(3));
});
