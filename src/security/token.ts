/**
 * Job tokens: who is calling and until when, signed with the job's Ed25519 key. A token rides in
 * the metadata of every call. A signature and not a keyed hash (HMAC): with a shared key, every
 * server could make tokens of every role, and it would have to lie on every machine; here, servers
 * hold the public half, and the private one stays where certificates are made. A check compares no
 * secret: what it takes tells nothing about the key. Pure but for the cryptography.
 */
import { sign, verify, type KeyObject } from 'node:crypto';
import { isJobName, isRole, type Identity } from './identity.ts';

export interface TokenClaims extends Identity {
  /** Unix time from which on it is refused. */
  readonly expiresMs: number;
}

export type TokenVerdict =
  | { readonly kind: 'valid' | 'expired'; readonly claims: TokenClaims }
  /** Not signed with this job's key: of another job, or made up. */
  | { readonly kind: 'foreign' };

/** What is signed begins so: a signature of something else by the same key is no token. */
const SIGNED_PREFIX = 'deepcluster-token-1.';

/** Longer texts are refused unread. */
const MAX_TOKEN_LENGTH = 1024;

/** `<claims>.<signature>`, both base64url. */
export function signToken({ job, role, expiresMs }: TokenClaims, privateKey: KeyObject): string {
  const claims = Buffer.from(JSON.stringify({ job, role, expiresMs })).toString('base64url');
  return `${claims}.${sign(null, signedBytes(claims), privateKey).toString('base64url')}`;
}

/** Nothing of a token is read before its signature was found to be good. */
export function verifyToken(token: string, publicKey: KeyObject, nowMs: number): TokenVerdict {
  const [claims = '', signature = '', ...rest] = token.split('.', 3);
  const isWhole = token.length <= MAX_TOKEN_LENGTH && claims !== '' && rest.length === 0;
  if (
    !isWhole ||
    !verify(null, signedBytes(claims), publicKey, Buffer.from(signature, 'base64url'))
  ) {
    return { kind: 'foreign' };
  }
  const known = parseClaims(claims);
  if (known === null) return { kind: 'foreign' };
  return { kind: nowMs < known.expiresMs ? 'valid' : 'expired', claims: known };
}

/**
 * A token's claims without a check of its signature: for what its owner says of it, never to let
 * somebody in.
 */
export function readOwnClaims(token: string): TokenClaims | null {
  return parseClaims(token.split('.', 1)[0] ?? '');
}

function signedBytes(claims: string): Buffer {
  return Buffer.from(SIGNED_PREFIX + claims);
}

function parseClaims(claims: string): TokenClaims | null {
  try {
    const parsed = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Partial<TokenClaims>;
    const { job, role, expiresMs } = parsed;
    const isKnown = typeof job === 'string' && isJobName(job) && isRole(role);
    return isKnown && Number.isSafeInteger(expiresMs) ? { job, role, expiresMs: expiresMs! } : null;
  } catch {
    return null;
  }
}
