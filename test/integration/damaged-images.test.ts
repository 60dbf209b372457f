/**
 * Images of which only a part can be decoded: they take part, are counted and listed, and too many
 * stop the run.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { noiseJpeg } from '../support/made/data-images.ts';
import {
  checkpointOf,
  placeForRuns,
  readLosses,
  runPlain,
} from '../support/runs/in-process-run.ts';

const { data, out } = await placeForRuns(30);
const REASON = 'a damaged or truncated JPEG';

before(async () => {
  for (const name of ['+a.jpg', '+b.jpg']) {
    const whole = await noiseJpeg(64, 64, name.charCodeAt(1));
    writeFileSync(join(data, 'dark', name), whole.subarray(0, Math.floor(whole.length * 0.6)));
  }
});

const MANY = { 'data.maxDamagedFraction': 0.1 };

test('damaged images take part, are counted and listed, and are the same for any number of workers', async () => {
  for (const workers of [1, 2]) {
    const run = out(`workers-${workers}`);
    const summary = await runPlain({ data, out: run, workers, settings: MANY });
    assert.deepEqual([summary.images, summary.unreadable, summary.damaged], [32, 0, 2]);
    assert.equal(summary.ledger.committed, 2 * 32);
    assert.equal(
      readFileSync(join(run, 'damaged.csv'), 'utf8'),
      `id,path,reason\n0,dark/+a.jpg,${REASON}\n1,dark/+b.jpg,${REASON}\n`,
    );
    assert.equal(existsSync(join(run, 'unreadable.csv')), false);
    assert.match(readFileSync(join(run, 'report.html'), 'utf8'), /2 damaged/);
    assert.match(readFileSync(join(run, 'summary.json'), 'utf8'), /"damaged": 2/);
  }
  assert.deepEqual(readLosses(out('workers-1')), readLosses(out('workers-2')));
});

test('a checkpoint keeps the damaged images, and a resumed run knows them', async () => {
  const run = out('resumed');
  const settings = { ...MANY, epochs: 1 };
  await runPlain({ data, out: run, workers: 1, settings });
  const { record } = (await checkpointOf(run)).state as { record: { damaged: unknown } };
  const damaged = ['+a', '+b'].map((name, id) => ({
    ...{ id, path: `dark/${name}.jpg`, reason: REASON },
  }));
  assert.deepEqual(record.damaged, damaged);
  // Nothing is left to do, so that nothing but the checkpoint tells of them.
  const summary = await runPlain({ data, out: run, workers: 1, settings, resume: true });
  assert.equal(summary.damaged, 2);
});

for (const algorithm of ['deepcluster', 'odc'] as const) {
  test(`too many damaged images stop the run after the extraction, and it goes on as its message says: ${algorithm}`, async () => {
    const odc = { algorithm, 'model.neck': 'odc', 'odc.smallClusterSize': 1 };
    const settings = algorithm === 'odc' ? odc : {};
    const run = out(`strict-${algorithm}`);
    await assert.rejects(runPlain({ data, out: run, workers: 1, settings }), {
      code: 'DATA_UNREADABLE',
      message:
        /: 2 of 32 images are damaged, more than data\.maxDamagedFraction \(0\.05\) allows; .*damaged\.csv.*resume with --set data\.maxDamagedFraction=1$/,
    });
    assert.match(readFileSync(join(run, 'damaged.csv'), 'utf8'), /1,dark\/\+b\.jpg/);
    const going = { ...settings, 'data.maxDamagedFraction': 1 };
    const summary = await runPlain({ data, out: run, workers: 1, settings: going, resume: true });
    assert.equal(summary.damaged, 2);
  });
}
