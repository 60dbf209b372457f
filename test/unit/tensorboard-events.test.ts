/** Files of events: framing and checksums by the format's definition, values as they were given. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEventFile } from '../../src/tensorboard/event-file.ts';
import { histogramOf, valuesRecord } from '../../src/tensorboard/events.ts';
import { crc32c, frameRecord } from '../../src/tensorboard/tf-record.ts';
import { readEvents, type ReadEvent } from '../support/made/tensorboard-events.ts';

test('CRC-32C is that of the published test vectors', () => {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

test('a record is its length, a masked CRC of it, the data, and theirs', () => {
  const record = frameRecord(Buffer.from('abc'));
  assert.equal(record.readBigUInt64LE(0), 3n);
  assert.equal(record.toString('latin1', 12, 15), 'abc');
  const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  assert.equal(record.readUInt32LE(8), masked(crc32c(record.subarray(0, 8))));
  assert.equal(record.readUInt32LE(15), masked(crc32c(Buffer.from('abc'))));
});

test('a histogram counts every finite value once, between least and greatest', () => {
  const values = [0, 1, 1, 2.5, 29, 30, NaN, Infinity];
  const { min, max, num, sum, sum_squares, bucket_limit, bucket } = histogramOf(values);
  assert.deepEqual([min, max, num, sum], [0, 30, 6, 63.5]);
  assert.equal(sum_squares, 1 + 1 + 6.25 + 841 + 900);
  assert.equal(bucket.length, 30);
  assert.deepEqual(
    [bucket[0], bucket[1], bucket[2], bucket[29]],
    [1, 2, 1, 2],
    'the greatest is in the last bucket',
  );
  assert.deepEqual([bucket_limit[0], bucket_limit.at(-1)], [1, 30]);
  assert.deepEqual(histogramOf([7, 7]).bucket, [2]);
  assert.equal(histogramOf([NaN]).num, 0);
});

test('an image is read back with its size and its channels', () => {
  const encoded = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 255]);
  const image = { width: 3, height: 2, channels: 4, encoded } as const;
  const [{ step, images }] = readEvents(valuesRecord(7, 5, [{ tag: 'clusters/3', image }])) as [
    ReadEvent,
  ];
  assert.equal(step, 5);
  assert.deepEqual([...images], [['clusters/3', { width: 3, height: 2, colorspace: 4, encoded }]]);
});

test('scalars, histograms and restarts are read back, steps and tags as given', () => {
  const folder = mkdtempSync(join(tmpdir(), 'events-'));
  try {
    const failed: unknown[] = [];
    const options = { folder: join(folder, 'board'), nowMs: () => 1.5e12, isWriter: () => true };
    const file = openEventFile({ ...options, term: 3, onFailure: (error) => failed.push(error) });
    file.add(0, [{ tag: 'loss/step', scalar: 1.25 }]);
    file.add(1, [
      { tag: 'loss/step', scalar: NaN },
      { tag: 'parameters/w', histogram: Float32Array.of(1, 2) },
    ]);
    file.restart(1);
    file.close();
    const [name, ...others] = readdirSync(join(folder, 'board'));
    assert.deepEqual(others, []);
    assert.match(name!, /^events\.out\.tfevents\.1500000000\..+\.3$/);
    const events = readEvents(readFileSync(join(folder, 'board', name!)));
    assert.deepEqual(
      events.map(({ step, version, tags, restarts }) => ({ step, version, tags, restarts })),
      [
        { step: 0, version: 'brain.Event:2', tags: [], restarts: false },
        { step: 0, version: '', tags: ['loss/step'], restarts: false },
        { step: 1, version: '', tags: ['parameters/w'], restarts: false },
        { step: 1, version: '', tags: [], restarts: true },
      ],
      'a scalar that is no number is left out',
    );
    assert.equal(events[1]!.scalars.get('loss/step'), 1.25);
    assert.deepEqual(failed, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a process that has lost the run makes no file, and adds nothing to the one it has', () => {
  const folder = mkdtempSync(join(tmpdir(), 'events-'));
  try {
    let isWriter = true;
    const open = (term: number) =>
      openEventFile({
        ...{ folder, term, nowMs: Date.now, isWriter: () => isWriter },
        onFailure: (error) => assert.fail(String(error)),
      });
    const file = open(1);
    file.flush();
    const [name] = readdirSync(folder);
    const { length } = readFileSync(join(folder, name!));
    isWriter = false;
    file.add(0, [{ tag: 'loss/step', scalar: 1 }]);
    file.close();
    open(2).close();
    assert.deepEqual(readdirSync(folder), [name]);
    assert.equal(readFileSync(join(folder, name!)).length, length);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a folder that cannot be written to is told once, and costs nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'events-'));
  try {
    writeFileSync(join(folder, 'board'), 'a file in its place');
    const failed: unknown[] = [];
    const file = openEventFile({
      ...{ folder: join(folder, 'board'), term: 1, nowMs: Date.now, isWriter: () => true },
      onFailure: (error) => failed.push(error),
    });
    for (let step = 0; step < 3; step += 1) {
      file.add(step, [{ tag: 'loss/step', scalar: step }]);
      file.flush();
    }
    file.close();
    assert.equal(failed.length, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
