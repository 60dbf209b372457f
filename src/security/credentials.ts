/**
 * The credentials of a process: a folder with `ca.pem`, `token.pub`, and of its role `ROLE.pem`,
 * `ROLE.key` and `ROLE.token`. They are read, checked against each other, and read again when a
 * file has changed; files that do not fit (half of them replaced, say) change nothing until they
 * do.
 */
import { X509Certificate, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TrainerError, configInvalid, messageOf } from '../errors.ts';
import { identityOfNames, type Identity, type Role } from './identity.ts';
import { readOwnClaims } from './token.ts';

/** The files' contents, which fit each other. */
export interface CredentialSet {
  readonly caPem: Buffer;
  readonly certificatePem: Buffer;
  readonly keyPem: Buffer;
  readonly token: string;
  /** What tokens of others are checked with. */
  readonly tokenKey: KeyObject;
  readonly certificateExpiresMs: number;
  readonly tokenExpiresMs: number;
}

/** What becomes of changed files, for the log. */
export type CredentialNews =
  | { readonly event: 'credentials.renewed'; readonly reason: string }
  | { readonly event: 'credentials.unfit'; readonly reason: string };

/** Between two looks at the files [ms]: new ones are in use after two of them. */
const POLL_MS = 1_000;

export class Credentials {
  readonly folder: string;
  readonly identity: Identity;
  /** The newest set that was found fit. */
  #current: CredentialSet;
  /**
   * Of the files that were read last, fit or not: they are not read again while they stay as they
   * are.
   */
  #read: string;
  /**
   * Of the files at the last look: they are read once they stay as they are, and not half replaced.
   */
  #seen: string;
  readonly #listeners = new Set<(set: CredentialSet) => void>();
  readonly #timer: NodeJS.Timeout;

  /** Use `openCredentials`. */
  constructor(
    folder: string,
    identity: Identity,
    first: CredentialSet,
    onNews: (news: CredentialNews) => void,
  ) {
    this.folder = folder;
    this.identity = identity;
    this.#current = first;
    this.#read = fingerprintOf(folder, identity.role);
    this.#seen = this.#read;
    this.#timer = setInterval(() => {
      this.#refresh(onNews);
    }, POLL_MS);
    this.#timer.unref();
  }

  get current(): CredentialSet {
    return this.#current;
  }

  /** Calls with every new set. */
  onChange(listener: (set: CredentialSet) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads no more. */
  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  #refresh(onNews: (news: CredentialNews) => void): void {
    const { job, role } = this.identity;
    const fingerprint = fingerprintOf(this.folder, role);
    const isSettled = fingerprint === this.#seen;
    this.#seen = fingerprint;
    if (!isSettled || fingerprint === this.#read) return;
    this.#read = fingerprint;
    try {
      const { identity, set } = readCredentials(this.folder, role);
      if (identity.job !== job) {
        throw credentialsInvalid(this.folder, `must stay those of job ${job}`, identity.job);
      }
      this.#current = set;
      for (const listener of this.#listeners) listener(set);
      onNews({ event: 'credentials.renewed', reason: validityOf(set) });
    } catch (error) {
      const reason = `${messageOf(error)}; those before stay in use`;
      onNews({ event: 'credentials.unfit', reason });
    }
  }
}

/**
 * Reads a role's credentials and keeps reading them.
 * @throws TrainerError CONFIG_INVALID when a file is missing, open to others, or does not fit the
 *   rest
 */
export function openCredentials(
  folder: string,
  role: Role,
  onNews: (news: CredentialNews) => void = () => undefined,
): Credentials {
  const { identity, set } = readCredentials(folder, role);
  return new Credentials(folder, identity, set, onNews);
}

/** `certificate until 2027-01-01T00:00:00.000Z, token until …` */
export function validityOf({ certificateExpiresMs, tokenExpiresMs }: CredentialSet): string {
  const [certificate, token] = [certificateExpiresMs, tokenExpiresMs].map((ms) =>
    new Date(ms).toISOString(),
  );
  return `certificate until ${certificate ?? ''}, token until ${token ?? ''}`;
}

function readCredentials(
  folder: string,
  role: Role,
): { readonly identity: Identity; readonly set: CredentialSet } {
  const read = (name: string): Buffer => readPart(folder, name);
  const [caPem, certificatePem] = [read('ca.pem'), read(`${role}.pem`)];
  const [keyPem, tokenText] = [
    readSecret(folder, `${role}.key`),
    readSecret(folder, `${role}.token`),
  ];
  const fit = <Part>(name: string, make: () => Part): Part => {
    try {
      return make();
    } catch (error) {
      if (error instanceof TrainerError) throw error;
      throw credentialsInvalid(
        join(folder, name),
        'must be PEM as certs make writes it',
        'another',
      );
    }
  };
  const authority = fit('ca.pem', () => new X509Certificate(caPem));
  const certificate = fit(`${role}.pem`, () => new X509Certificate(certificatePem));
  const key = fit(`${role}.key`, () => createPrivateKey(keyPem));
  const tokenKey = fit('token.pub', () => createPublicKey(read('token.pub')));
  const where = join(folder, `${role}.pem`);
  const identity = identityOfNames(certificate.subjectAltName);
  if (identity?.role !== role) {
    const got = identity === null ? 'a certificate without a role' : identity.role;
    throw credentialsInvalid(where, `must be a certificate of role ${role}`, got);
  }
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) {
    throw credentialsInvalid(where, 'must be signed by the ca.pem beside it', 'another signature');
  }
  if (!certificate.checkPrivateKey(key)) {
    throw credentialsInvalid(where, `must belong to ${role}.key`, 'another key');
  }
  const token = tokenText.toString().trim();
  const claims = readOwnClaims(token);
  if (claims?.role !== role || claims.job !== identity.job) {
    const got = claims === null ? 'no token' : `one of ${claims.job}/${claims.role}`;
    const rule = `must be a token of ${identity.job}/${role}`;
    throw credentialsInvalid(join(folder, `${role}.token`), rule, got);
  }
  const certificateExpiresMs = Date.parse(certificate.validTo);
  const { expiresMs: tokenExpiresMs } = claims;
  for (const [name, ms] of [
    [`${role}.pem`, certificateExpiresMs],
    [`${role}.token`, tokenExpiresMs],
  ] as const) {
    if (ms > Date.now()) continue;
    const rule = 'must not have expired (make new ones: deepcluster certs make --out DIR --renew)';
    throw credentialsInvalid(join(folder, name), rule, new Date(ms).toISOString());
  }
  return {
    identity,
    set: { caPem, certificatePem, keyPem, token, tokenKey, certificateExpiresMs, tokenExpiresMs },
  };
}

function readPart(folder: string, name: string): Buffer {
  try {
    return readFileSync(join(folder, name));
  } catch (error) {
    const remedy = 'make them with: deepcluster certs make --out DIR --job NAME';
    throw configInvalid(
      'credentials',
      `must be a folder with ${name} (${remedy}): ${messageOf(error)}`,
      folder,
      '--credentials',
    );
  }
}

/** A file that only its owner, or a group made for it, can read. */
function readSecret(folder: string, name: string): Buffer {
  const content = readPart(folder, name);
  const mode = statSync(join(folder, name)).mode & 0o777;
  if ((mode & 0o007) === 0) return content;
  const rule = 'must be closed to other users (chmod 600)';
  throw credentialsInvalid(join(folder, name), rule, mode.toString(8));
}

function credentialsInvalid(where: string, rule: string, got: string): TrainerError {
  return configInvalid(`credentials ${where}`, rule, got, '--credentials');
}

/** Changes with any of the files; a missing one counts as such. */
function fingerprintOf(folder: string, role: Role): string {
  const names = ['ca.pem', 'token.pub', `${role}.pem`, `${role}.key`, `${role}.token`];
  return names
    .map((name) => {
      const stat = statSync(join(folder, name), { throwIfNoEntry: false });
      return stat === undefined ? '-' : `${stat.ino}/${stat.mtimeMs}/${stat.ctimeMs}/${stat.size}`;
    })
    .join(' ');
}
