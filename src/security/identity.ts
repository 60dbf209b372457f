/**
 * Who a process is: the job it belongs to and its role in it, as certificates and tokens say it. In
 * a certificate that is one URI among the subject's alternative names, `deepcluster://JOB/ROLE`.
 * Pure.
 */

/** What a process may be; `viewer` is a person or a tool that asks where the run is. */
export const ROLES = ['coordinator', 'server', 'worker', 'viewer'] as const;

export type Role = (typeof ROLES)[number];

export interface Identity {
  readonly job: string;
  readonly role: Role;
}

export function isRole(text: unknown): text is Role {
  return (ROLES as readonly unknown[]).includes(text);
}

/** Lower-case letters, digits and hyphens, as in the names of Kubernetes: up to 63. */
export function isJobName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

export function identityUri({ job, role }: Identity): string {
  return `deepcluster://${job}/${role}`;
}

/**
 * The identity in a certificate, given its alternative names as Node prints them
 * (`URI:deepcluster://a/worker, DNS:b`).
 * @returns null where there is none, or more than one
 */
export function identityOfNames(alternativeNames: string | undefined): Identity | null {
  const uris = (alternativeNames ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:deepcluster:'));
  const parts = /^URI:deepcluster:\/\/([^/]+)\/([^/]+)$/.exec(uris[0] ?? '');
  if (uris.length !== 1 || parts === null) return null;
  const [, job = '', role] = parts;
  return isJobName(job) && isRole(role) ? { job, role } : null;
}
