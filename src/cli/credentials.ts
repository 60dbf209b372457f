/**
 * The flag `--credentials` of every command that talks to others, and the line about them in the
 * log.
 */
import { Option } from 'commander';
import { openCredentials, validityOf, type Credentials } from '../security/credentials.ts';
import type { Role } from '../security/identity.ts';
import type { Logger } from '../telemetry/logger.ts';

export function credentialsOption(): Option {
  return new Option(
    '--credentials <dir>',
    'folder with certificates and tokens, as deepcluster certs makes it',
  );
}

/**
 * Credentials of a process, which follow their files, or null where none were given.
 * @throws TrainerError CONFIG_INVALID when they are missing or do not fit
 */
export function credentialsOf(
  folder: string | undefined,
  role: Role,
  logger?: Logger,
): Credentials | null {
  if (folder === undefined) return null;
  const credentials = openCredentials(folder, role, ({ event, reason }) => {
    if (event === 'credentials.renewed') logger?.info(event, { reason });
    else logger?.warn(event, { reason });
  });
  const reason = validityOf(credentials.current);
  logger?.info('credentials.opened', { ...credentials.identity, reason });
  return credentials;
}
