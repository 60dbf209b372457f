/**
 * The folder that `deepcluster certs make` writes: a job's authority and token key, which stay
 * here, and what each role needs. Private files are for their owner alone; each is written whole
 * under another name first, so that a process that reads the folder while it is renewed finds the
 * old file or the new one.
 */
import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configInvalid, messageOf } from '../errors.ts';
import { createAuthority, expiryOf, hostsOf, issueCertificate, type PemPair } from './authority.ts';
import { ROLES, isJobName, type Role } from './identity.ts';
import { signToken } from './token.ts';

export interface CredentialsPlan {
  readonly out: string;
  /** May be left out in a renewal: the authority's. */
  readonly job: string | null;
  /**
   * Names and addresses under which coordinator and servers may be dialled; none: any. Null: none,
   * or as they were.
   */
  readonly hosts: readonly string[] | null;
  readonly days: number;
  readonly tokenDays: number;
  /** New certificates and tokens from the authority that is there. */
  readonly isRenewal: boolean;
}

export interface MadeCredentials {
  readonly job: string;
  readonly certificatesUntil: string;
  readonly tokensUntil: string;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;

/**
 * With host names, the launcher's are among them: the same folder does for a run on one machine.
 */
const OWN_HOSTS = ['localhost', '127.0.0.1', '::1'];

/**
 * @throws TrainerError CONFIG_INVALID when there is an authority already, or none to renew from, or
 *   the job's name is none
 */
export async function makeCredentials(
  plan: CredentialsPlan,
  nowMs: number,
): Promise<MadeCredentials> {
  const { out, days, tokenDays } = plan;
  const { job, authority, tokenKeyPem } = plan.isRenewal
    ? readAuthority(plan)
    : await beginAuthority(plan, nowMs);
  const tokenKey = createPrivateKey(tokenKeyPem);
  const hosts = plan.hosts ?? (plan.isRenewal ? hostsBefore(out) : []);
  // A certificate ends with its authority at the latest.
  const expiresMs = Math.min(nowMs + days * DAY_MS, expiryOf(authority.certificatePem));
  const tokenExpiresMs = nowMs + tokenDays * DAY_MS;
  for (const role of ROLES) {
    const names = isDialled(role) && hosts.length > 0 ? [...new Set([...hosts, ...OWN_HOSTS])] : [];
    const leaf = await issueCertificate({ job, role, hosts: names, nowMs, expiresMs }, authority);
    writeWhole(out, `${role}.key`, leaf.keyPem, 0o600);
    writeWhole(out, `${role}.pem`, leaf.certificatePem, 0o644);
    const token = signToken({ job, role, expiresMs: tokenExpiresMs }, tokenKey);
    writeWhole(out, `${role}.token`, `${token}\n`, 0o600);
  }
  return {
    job,
    certificatesUntil: new Date(expiresMs).toISOString(),
    tokensUntil: new Date(tokenExpiresMs).toISOString(),
  };
}

/** Of the certificates that are replaced. */
function hostsBefore(out: string): string[] {
  const path = join(out, 'coordinator.pem');
  return existsSync(path) ? hostsOf(readFileSync(path, 'utf8')) : [];
}

function isDialled(role: Role): boolean {
  return role === 'coordinator' || role === 'server';
}

interface Authority {
  readonly job: string;
  readonly authority: PemPair;
  /** PKCS #8 of the Ed25519 key that signs tokens. */
  readonly tokenKeyPem: string;
}

async function beginAuthority({ out, job }: CredentialsPlan, nowMs: number): Promise<Authority> {
  if (job === null || !isJobName(job)) {
    const rule = 'must be 1 to 63 lower-case letters, digits and hyphens';
    throw configInvalid('certs.job', rule, job, '--job');
  }
  const existing = ['ca.pem', 'ca.key', 'token.key'].find((name) => existsSync(join(out, name)));
  if (existing !== undefined) {
    const rule = `must not hold an authority already (found ${existing}); add --renew to make new certificates and tokens from it`;
    throw configInvalid('certs.out', rule, out, '--out');
  }
  mkdirSync(out, { recursive: true, mode: 0o700 });
  const authority = await createAuthority(job, nowMs, nowMs + AUTHORITY_DAYS * DAY_MS);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const tokenKeyPem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  writeWhole(out, 'ca.key', authority.keyPem, 0o600);
  writeWhole(out, 'token.key', tokenKeyPem, 0o600);
  const tokenPub = publicKey.export({ format: 'pem', type: 'spki' }).toString();
  writeWhole(out, 'token.pub', tokenPub, 0o644);
  writeWhole(out, 'ca.pem', authority.certificatePem, 0o644);
  return { job, authority, tokenKeyPem };
}

function readAuthority({ out, job }: CredentialsPlan): Authority {
  const read = (name: string): string => {
    try {
      return readFileSync(join(out, name), 'utf8');
    } catch (error) {
      const rule = `must be a folder that certs make wrote, with ${name}: ${messageOf(error)}`;
      throw configInvalid('certs.out', rule, out, '--out');
    }
  };
  const authority = { certificatePem: read('ca.pem'), keyPem: read('ca.key') };
  const subject = new X509Certificate(authority.certificatePem).subject;
  const found = /^CN=job (\S+)$/m.exec(subject)?.[1] ?? '';
  if (!isJobName(found)) {
    throw configInvalid('certs.out', 'must hold the authority of a job', subject, '--out');
  }
  if (job !== null && job !== found) {
    throw configInvalid('certs.job', `must be the authority's, ${found}`, job, '--job');
  }
  return { job: found, authority, tokenKeyPem: read('token.key') };
}

function writeWhole(folder: string, name: string, content: string, mode: number): void {
  const temporary = join(folder, `.${name}.new`);
  rmSync(temporary, { force: true });
  writeFileSync(temporary, content, { mode, flag: 'wx' });
  renameSync(temporary, join(folder, name));
}
