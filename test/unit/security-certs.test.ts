/** What `certs make` writes: certificates that openssl takes, files for their owner alone, no authority overwritten. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { runCli } from '../../src/cli/main.ts';
import { ROLES } from '../../src/security/identity.ts';
import { readOwnClaims } from '../../src/security/token.ts';
import { makeTestCredentials, readText } from '../support/made/credentials.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

const hasOpenssl = spawnSync('openssl', ['version']).error === undefined;
const needsOpenssl = hasOpenssl ? {} : { skip: 'there is no openssl on this machine' };
const temporary = temporaryFolder();
const folder = join(temporary.path, 'pets');
const DAY_MS = 86_400_000;

before(async () => {
  const { code } = await certsMake(
    '--out',
    folder,
    '--job',
    'pets',
    '--hosts',
    'ps-0.run,10.0.0.7',
  );
  assert.equal(code, 0);
});
after(() => {
  temporary.remove();
});

async function certsMake(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const into = (name: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        texts[name] += chunk.toString();
        done();
      },
    });
  const terminal = { stdout: into('out'), stderr: into('err'), env: {} };
  const code = await runCli(['certs', 'make', ...args], terminal);
  return { code, ...texts };
}

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8' });
}

describe('certificates', () => {
  test('verify under openssl for what their role does', needsOpenssl, () => {
    const ca = join(folder, 'ca.pem');
    for (const role of ROLES) {
      const leaf = join(folder, `${role}.pem`);
      openssl('verify', '-x509_strict', '-CAfile', ca, '-purpose', 'sslclient', leaf);
      const asServer = ['verify', '-CAfile', ca, '-purpose', 'sslserver', leaf];
      const { status } = spawnSync('openssl', asServer);
      assert.equal(status === 0, role === 'coordinator' || role === 'server', role);
    }
  });

  test('of another job do not verify', needsOpenssl, async () => {
    const cars = await makeTestCredentials(join(temporary.path, 'cars'), 'cars');
    const args = ['verify', '-CAfile', join(folder, 'ca.pem'), join(cars, 'worker.pem')];
    assert.notEqual(spawnSync('openssl', args).status, 0);
  });

  test('name job and role, and the hosts where one is dialled', () => {
    for (const role of ROLES) {
      const { subjectAltName = '', ca } = new X509Certificate(readText(folder, `${role}.pem`));
      const names = subjectAltName.split(', ');
      assert.ok(names.includes(`URI:deepcluster://pets/${role}`));
      const isDialled = role === 'coordinator' || role === 'server';
      for (const host of ['DNS:ps-0.run', 'IP Address:10.0.0.7', 'IP Address:127.0.0.1']) {
        assert.equal(names.includes(host), isDialled, `${role} ${host}`);
      }
      assert.equal(ca, false);
    }
  });

  test('last for the days that were asked for, and tokens too', async () => {
    const out = join(temporary.path, 'short');
    const { code } = await certsMake(
      '--out',
      out,
      '--job',
      'a',
      '--days',
      '2',
      '--token-days',
      '3',
    );
    assert.equal(code, 0);
    const { validTo } = new X509Certificate(readText(out, 'server.pem'));
    const days = (ms: number): number => Math.round((ms - Date.now()) / DAY_MS);
    assert.equal(days(Date.parse(validTo)), 2);
    assert.equal(days(readOwnClaims(readText(out, 'server.token'))!.expiresMs), 3);
  });
});

describe('the folder', () => {
  test('keeps private files to their owner', () => {
    const isPrivate = /\.(key|token)$/;
    const names = readdirSync(folder);
    assert.equal(names.filter((name) => isPrivate.test(name)).length, 2 * ROLES.length + 2);
    for (const name of names) {
      const mode = statSync(join(folder, name)).mode & 0o777;
      assert.equal(mode & 0o077, isPrivate.test(name) ? 0 : 0o044, name);
    }
  });

  test('is not written over', async () => {
    const filesOf = (): string[] =>
      readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    const before = filesOf();
    const { code, err } = await certsMake('--out', folder, '--job', 'pets');
    assert.equal(code, 42);
    assert.match(err, /must not hold an authority already \(found ca.pem\); add --renew/);
    assert.deepEqual(filesOf(), before);
  });

  test('is renewed with --renew: new leaves and tokens, the same authority and hosts', async () => {
    const before = Object.fromEntries(
      readdirSync(folder).map((name) => [name, readText(folder, name)]),
    );
    const { code, out } = await certsMake('--out', folder, '--renew', '--json');
    assert.equal(code, 0);
    assert.equal((JSON.parse(out) as { job: string }).job, 'pets');
    for (const name of Object.keys(before)) {
      const isKept = /^(ca|token)\.(pem|key|pub)$/.test(name);
      assert.equal(readText(folder, name) === before[name], isKept, name);
    }
    const { subjectAltName } = new X509Certificate(readText(folder, 'server.pem'));
    assert.match(subjectAltName ?? '', /DNS:ps-0\.run/);
  });

  test('is not renewed for another job, nor where there is no authority', async () => {
    const other = await certsMake('--out', folder, '--renew', '--job', 'cars');
    assert.equal(other.code, 42);
    assert.match(other.err, /must be the authority's, pets, got "cars"/);
    const none = await certsMake('--out', join(temporary.path, 'none'), '--renew');
    assert.equal(none.code, 42);
  });

  test('is not begun for a job whose name is none, nor for hosts that are none', async () => {
    const out = join(temporary.path, 'bad');
    for (const job of ['Pets', '../pets', 'a b', '-a', '']) {
      assert.equal((await certsMake('--out', out, `--job=${job}`)).code, 42, job);
    }
    assert.equal((await certsMake('--out', out, '--job', 'a', '--hosts', 'x y')).code, 2);
  });
});
