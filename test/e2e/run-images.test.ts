/**
 * A run that is resumed from another working directory, and one whose images are missing or more.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { finished, launch, lossesOf, runCommand } from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const place = join(folder.path, 'place');
const elsewhere = join(folder.path, 'elsewhere');
const out = join(folder.path, 'run');

before(async () => {
  const images = { classes: 2, perClass: 12, size: 32 };
  await makeImages({ ...images, out: join(place, 'images'), seed: 1 });
  // Under the same relative path lie other images.
  await makeImages({ ...images, out: join(elsewhere, 'images'), seed: 2 });
});
after(() => {
  folder.remove();
});

/** Goes on by the run's own configuration, which has the path as it was given. */
function resume(...more: string[]): ReturnType<typeof runCommand> {
  return runCommand(['launch', '--resume', '--out', out, '--json', ...more], {}, elsewhere);
}

test('a run with a relative --data goes on from another working directory, with the same numbers', async () => {
  const whole = join(folder.path, 'whole');
  const settings = { 'evaluation.enabled': false };
  await finished(launch({ data: 'images', out: whole, cwd: place, settings }));
  await finished(launch({ data: 'images', out, cwd: place, settings: { ...settings, epochs: 1 } }));
  await finished(resume('--set', 'epochs=2'));
  assert.deepEqual(lossesOf(out), lossesOf(whole));
});

test('missing images end it with 75, added ones with 42, before any worker starts', async () => {
  const away = join(folder.path, 'away');
  renameSync(join(place, 'images'), away);
  const missing = await resume('--set', 'epochs=3', '--set', 'data.waitMs=0').ended;
  assert.equal(missing.code, 75, missing.stderr);
  assert.match(missing.stderr, /images of the run: data \S+place\/images: there is no such folder/);
  mkdirSync(join(place, 'images'));
  cpSync(away, join(place, 'images'), { recursive: true });
  cpSync(join(elsewhere, 'images'), join(place, 'images', 'later'), { recursive: true });
  const added = await resume('--set', 'epochs=3').ended;
  assert.equal(added.code, 42, added.stderr);
  assert.match(added.stderr, /its 48 images are not the 24 that the run began with: 24 added/);
  for (const { stderr } of [missing, added])
    assert.doesNotMatch(stderr, /^engine wasm|has started its engine/m);
});
