/**
 * X.509 for one job: its own certificate authority, and certificates of a role signed by it. Keys
 * are ECDSA P-256, which every TLS library takes. The library writes the DER; what a certificate
 * says is decided here.
 */
import 'reflect-metadata';
import { X509Certificate, createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { identityUri, type Identity, type Role } from './identity.ts';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { ...KEY_ALGORITHM, hash: 'SHA-256' };

/** Clocks of a cluster differ: a certificate is good a little before it was made. */
const BACKDATE_MS = 10 * 60_000;

export interface PemPair {
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

/** A new authority that signs certificates of this job alone, and no other authority. */
export async function createAuthority(
  job: string,
  nowMs: number,
  expiresMs: number,
): Promise<PemPair> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ O: ['deepcluster'] }, { CN: [`job ${job}`] }],
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(expiresMs),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: pemOf(certificate), keyPem: await privatePemOf(keys) };
}

export interface LeafPlan extends Identity {
  /** Names and addresses under which it may be dialled; none: any. */
  readonly hosts: readonly string[];
  readonly nowMs: number;
  readonly expiresMs: number;
}

/** A new key with its certificate. */
export async function issueCertificate(
  { job, role, hosts, nowMs, expiresMs }: LeafPlan,
  authority: PemPair,
): Promise<PemPair> {
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const names = [
    { type: 'url' as const, value: identityUri({ job, role }) },
    ...hosts.map((value) => ({
      type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
      value,
    })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ O: ['deepcluster'] }, { CN: [`${role} of job ${job}`] }],
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(expiresMs),
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey: await signingKeyOf(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usagesOf(role)),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificatePem: pemOf(certificate), keyPem: await privatePemOf(keys) };
}

/** The end of a certificate [Unix ms]. */
export function expiryOf(certificatePem: string | Buffer): number {
  return Date.parse(new X509Certificate(certificatePem).validTo);
}

/** The names and addresses in a certificate. */
export function hostsOf(certificatePem: string): string[] {
  const names = new X509Certificate(certificatePem).subjectAltName?.split(', ') ?? [];
  return names.flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.slice(1) ?? []);
}

/** A worker or a viewer is never dialled: its certificate would not even do for that. */
function usagesOf(role: Role): x509.ExtendedKeyUsage[] {
  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  return role === 'coordinator' || role === 'server' ? [serverAuth, clientAuth] : [clientAuth];
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
}

/** 16 random bytes, positive. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem').trimEnd()}\n`;
}

async function privatePemOf({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

function signingKeyOf(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(keyPem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, KEY_ALGORITHM, false, ['sign']);
}
