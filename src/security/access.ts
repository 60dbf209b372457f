/**
 * Who may call what. Each method of proto/ has its row; a method without one is refused to
 * everybody. A call is let in when the certificate of its connection and the token in its metadata
 * name one role of this job, and the row has that role. Pure.
 */
import type { KeyObject } from 'node:crypto';
import type { Identity, Role } from './identity.ts';
import { verifyToken } from './token.ts';

const COORDINATOR = '/deepcluster.v1.Coordinator/';
const PARAMETERS = '/deepcluster.v1.Parameters/';
const MEMORY = '/deepcluster.v1.SampleMemory/';

/** Method → roles that may call it. */
export const ACCESS: ReadonlyMap<string, readonly Role[]> = new Map<string, readonly Role[]>([
  [`${COORDINATOR}Session`, ['worker']],
  [`${COORDINATOR}ServerSession`, ['server']],
  [`${COORDINATOR}Heartbeat`, ['worker']],
  [`${COORDINATOR}FetchArtifact`, ['worker']],
  [`${COORDINATOR}SubmitResult`, ['worker']],
  [`${COORDINATOR}Status`, ['viewer']],
  [`${PARAMETERS}Pull`, ['worker']],
  [`${PARAMETERS}Push`, ['worker']],
  [`${PARAMETERS}Prepare`, ['coordinator']],
  [`${PARAMETERS}Commit`, ['coordinator']],
  [`${PARAMETERS}ResetHead`, ['coordinator']],
  [`${PARAMETERS}Snapshot`, ['coordinator']],
  [`${PARAMETERS}Restore`, ['coordinator']],
  [`${MEMORY}BeginMemory`, ['coordinator']],
  [`${MEMORY}FillMemory`, ['worker']],
  [`${MEMORY}SealMemory`, ['coordinator']],
  [`${MEMORY}FetchRows`, ['worker', 'coordinator']],
  [`${MEMORY}FetchChange`, ['coordinator']],
  [`${MEMORY}Relabel`, ['coordinator']],
  [`${MEMORY}FetchClassSums`, ['coordinator']],
]);

export interface Call {
  /** `/package.Service/Method` */
  readonly method: string;
  /** Of the certificate that the connection was made with; null where it names no role. */
  readonly peer: Identity | null;
  /** The metadata `authorization`; null where it is missing or there are several. */
  readonly authorization: string | null;
}

/**
 * Why a call is not let in: nobody that is known, or somebody who may not. The reason holds no
 * secret.
 */
export interface Refusal {
  readonly kind: 'unauthenticated' | 'denied';
  readonly reason: string;
}

/** The metadata value that carries a token. */
export function authorizationOf(token: string): string {
  return `Bearer ${token}`;
}

/** @returns null when the call is let in */
export function judgeCall(
  { method, peer, authorization }: Call,
  job: string,
  tokenKey: KeyObject,
  nowMs: number,
): Refusal | null {
  if (peer?.job !== job) {
    const got = peer === null ? 'one without a role' : `one of job ${peer.job}`;
    return unauthenticated(method, `expected a certificate of job ${job}, got ${got}`);
  }
  const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    return unauthenticated(
      method,
      'expected a token in the metadata, got none; give --credentials',
    );
  }
  const verdict = verifyToken(token, tokenKey, nowMs);
  if (verdict.kind === 'foreign') {
    return unauthenticated(method, `expected a token of job ${job}, got one that it did not sign`);
  }
  const { claims } = verdict;
  if (verdict.kind === 'expired') {
    const since = new Date(claims.expiresMs).toISOString();
    const remedy = 'make new ones with: deepcluster certs make --out DIR --renew';
    return unauthenticated(
      method,
      `the token of role ${claims.role} expired at ${since}; ${remedy}`,
    );
  }
  if (claims.job !== job || claims.role !== peer.role) {
    return denied(
      method,
      `expected a token of role ${peer.role}, as in the certificate, got one of role ${claims.role}`,
    );
  }
  const allowed = ACCESS.get(method) ?? [];
  if (allowed.includes(claims.role)) return null;
  return denied(method, `expected role ${allowed.join(' or ') || 'none'}, got ${claims.role}`);
}

function unauthenticated(method: string, problem: string): Refusal {
  return { kind: 'unauthenticated', reason: `${method}: ${problem}` };
}

function denied(method: string, problem: string): Refusal {
  return { kind: 'denied', reason: `${method}: ${problem}` };
}
