/** Tokens: what is taken, what is not, and that nothing is read before its signature was checked. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { readOwnClaims, signToken, verifyToken } from '../../src/security/token.ts';

const ours = generateKeyPairSync('ed25519');
const theirs = generateKeyPairSync('ed25519');
const CLAIMS = { job: 'pets', role: 'worker', expiresMs: 1_000_000 } as const;
const token = signToken(CLAIMS, ours.privateKey);

test('a token is taken until the millisecond it expires', () => {
  assert.deepEqual(verifyToken(token, ours.publicKey, 999_999), { kind: 'valid', claims: CLAIMS });
  assert.deepEqual(verifyToken(token, ours.publicKey, 1_000_000), {
    kind: 'expired',
    claims: CLAIMS,
  });
});

test('a token of another job is foreign, whatever it says', () => {
  const foreign = signToken(CLAIMS, theirs.privateKey);
  assert.deepEqual(verifyToken(foreign, ours.publicKey, 0), { kind: 'foreign' });
  assert.deepEqual(readOwnClaims(foreign), CLAIMS, 'though its owner may read it');
});

test('no changed character of a token is taken', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let at = 0; at < token.length; at += 1) {
    if (token[at] === '.') continue;
    // Half the alphabet away: not a neighbour that base64url would fold into the same bits.
    const other = letters[(letters.indexOf(token[at]!) + 32) % 64]!;
    const changed = token.slice(0, at) + other + token.slice(at + 1);
    assert.equal(verifyToken(changed, ours.publicKey, 0).kind, 'foreign', `at ${at}`);
  }
});

test('texts that are no tokens are foreign, and none throws', () => {
  const [claims, signature] = token.split('.') as [string, string];
  const texts = ['', '.', '..', claims, `${claims}.`, `.${signature}`, `${token}.x`, 'é.é'];
  for (const text of [...texts, 'A'.repeat(100_000), `${claims}.${signature.slice(0, 40)}`]) {
    assert.equal(verifyToken(text, ours.publicKey, 0).kind, 'foreign', text.slice(0, 60));
  }
});

test('what the key has signed for another purpose is no token', () => {
  const claims = token.split('.')[0]!;
  const bare = sign(null, Buffer.from(claims), ours.privateKey).toString('base64url');
  assert.equal(verifyToken(`${claims}.${bare}`, ours.publicKey, 0).kind, 'foreign');
});

test('signed claims of another form are foreign', () => {
  for (const claims of [
    { job: 'pets', role: 'admin', expiresMs: 1 },
    { job: 'Pets/..', role: 'worker', expiresMs: 1 },
    { job: 'pets', role: 'worker' },
    { job: 'pets', role: 'worker', expiresMs: 'never' },
  ]) {
    const made = signToken(claims as never, ours.privateKey);
    assert.equal(verifyToken(made, ours.publicKey, 0).kind, 'foreign', JSON.stringify(claims));
  }
});
