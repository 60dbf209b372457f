/** Credentials for tests: made in a temporary folder, and tokens that no tool would make. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCredentials } from '../../../src/security/credentials-folder.ts';
import { openCredentials, type Credentials } from '../../../src/security/credentials.ts';
import type { Role } from '../../../src/security/identity.ts';
import { signToken, type TokenClaims } from '../../../src/security/token.ts';

/** A folder of credentials of a job, good for a day. */
export async function makeTestCredentials(out: string, job: string): Promise<string> {
  const plan = { out, job, hosts: null, days: 1, tokenDays: 1, isRenewal: false };
  await makeCredentials(plan, Date.now());
  return out;
}

/** New certificates and tokens in the same folder. */
export async function renewTestCredentials(out: string): Promise<void> {
  const plan = { out, job: null, hosts: null, days: 1, tokenDays: 1, isRenewal: true };
  await makeCredentials(plan, Date.now());
}

/** Signed with the job's own key. */
export function tokenBy(folder: string, claims: TokenClaims): string {
  return signToken(claims, createPrivateKey(readFileSync(join(folder, 'token.key'))));
}

export function readText(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8').trim();
}

/** Opens credentials, to be closed together. */
export function credentialsOpener(): {
  open: (folder: string, role: Role) => Credentials;
  closeAll: () => void;
} {
  const opened: Credentials[] = [];
  return {
    open: (folder, role) => {
      const credentials = openCredentials(folder, role);
      opened.push(credentials);
      return credentials;
    },
    closeAll: () => {
      for (const credentials of opened) credentials.close();
    },
  };
}
