/** Reading a folder of credentials: what does not fit is refused by name, and half replaced files change nothing. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, mock, test } from 'node:test';
import { openCredentials, type CredentialNews } from '../../src/security/credentials.ts';
import {
  makeTestCredentials,
  readText,
  renewTestCredentials,
  tokenBy,
} from '../support/made/credentials.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

const temporary = temporaryFolder();
const pets = join(temporary.path, 'pets');
const cars = join(temporary.path, 'cars');
/** A copy of `pets` that each test may spoil. */
const folder = join(temporary.path, 'copy');

before(async () => {
  await makeTestCredentials(pets, 'pets');
  await makeTestCredentials(cars, 'cars');
});
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  cpSync(pets, folder, { recursive: true });
});
after(() => {
  temporary.remove();
});

function take(from: string, name: string, as = name): void {
  copyFileSync(join(from, name), join(folder, as));
}

function assertRefused(problem: RegExp): void {
  assert.throws(() => openCredentials(folder, 'worker'), {
    code: 'CONFIG_INVALID',
    message: problem,
  });
}

test('a role needs nothing of the other roles, and none of the authority’s keys', () => {
  for (const name of ['ca.key', 'token.key', 'server.pem', 'server.key', 'server.token']) {
    rmSync(join(folder, name));
  }
  const credentials = openCredentials(folder, 'worker');
  assert.deepEqual(credentials.identity, { job: 'pets', role: 'worker' });
  credentials.close();
});

test('a missing file is named, with what makes it', () => {
  rmSync(join(folder, 'worker.token'));
  assertRefused(/worker\.token.*deepcluster certs make.*from --credentials/);
});

test('a key or token that other users can read is refused', () => {
  for (const name of ['worker.key', 'worker.token']) {
    chmodSync(join(folder, name), 0o604);
    assertRefused(new RegExp(`${name}: must be closed to other users \\(chmod 600\\), got "604"`));
    chmodSync(join(folder, name), 0o640);
  }
  openCredentials(folder, 'worker').close();
});

test('files that do not belong together are refused', () => {
  take(cars, 'worker.pem');
  assertRefused(/worker\.pem: must be signed by the ca\.pem beside it/);
  take(pets, 'worker.pem');
  take(pets, 'viewer.key', 'worker.key');
  assertRefused(/must belong to worker\.key/);
  take(pets, 'worker.key');
  take(pets, 'viewer.pem', 'worker.pem');
  assertRefused(/must be a certificate of role worker, got "viewer"/);
  take(pets, 'worker.pem');
  take(cars, 'worker.token');
  assertRefused(/worker\.token: must be a token of pets\/worker, got "one of cars\/worker"/);
  writeFileSync(join(folder, 'worker.token'), 'nonsense');
  assertRefused(/got "no token"/);
});

test('an expired token is refused at the start', () => {
  const expired = tokenBy(pets, { job: 'pets', role: 'worker', expiresMs: Date.now() - 1 });
  writeFileSync(join(folder, 'worker.token'), expired);
  assertRefused(
    /worker\.token: must not have expired \(make new ones: deepcluster certs make --out DIR --renew\)/,
  );
});

test('a refusal shows neither key nor token', () => {
  take(cars, 'worker.pem');
  const secrets = ['worker.key', 'worker.token'].map((name) => readText(folder, name));
  assert.throws(
    () => openCredentials(folder, 'worker'),
    ({ message }: Error) =>
      secrets.every((secret) => secret.split(/[\n.]/).every((part) => !message.includes(part))),
  );
});

test('new files are taken once they are all there, and half of them change nothing', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const news: CredentialNews[] = [];
  const credentials = openCredentials(folder, 'worker', (item) => news.push(item));
  try {
    const first = credentials.current;
    let told = 0;
    credentials.onChange(() => (told += 1));
    const renewed = join(temporary.path, 'renewed');
    cpSync(pets, renewed, { recursive: true });
    await renewTestCredentials(renewed);

    take(renewed, 'worker.key');
    mock.timers.tick(1_000);
    mock.timers.tick(1_000);
    assert.equal(credentials.current, first, 'the certificate is still the old one');
    assert.deepEqual(
      news.map(({ event }) => event),
      ['credentials.unfit'],
    );
    mock.timers.tick(10_000);
    assert.equal(news.length, 1, 'said once');

    take(renewed, 'worker.pem');
    take(renewed, 'worker.token');
    mock.timers.tick(1_000);
    assert.equal(credentials.current, first, 'they may not be complete yet');
    mock.timers.tick(1_000);
    assert.equal(credentials.current.token, readText(renewed, 'worker.token'));
    assert.equal(
      credentials.current.certificatePem.toString().trim(),
      readText(renewed, 'worker.pem'),
    );
    assert.equal(told, 1);
    assert.equal(news.at(-1)?.event, 'credentials.renewed');

    for (const name of ['ca.pem', 'token.pub', 'worker.pem', 'worker.key', 'worker.token']) {
      take(cars, name);
    }
    mock.timers.tick(2_000);
    assert.match(news.at(-1)!.reason, /must stay those of job pets/);
    assert.equal(credentials.current.token, readText(renewed, 'worker.token'));
  } finally {
    credentials.close();
    mock.timers.reset();
  }
});
