/**
 * Bounds on what a peer states, for services: they refuse before memory is taken, with one line.
 */
import { protocolViolation } from '../errors.ts';

/** What names of workers and processes are made of: they go into logs, file names and maps. */
const NAME = /^[A-Za-z0-9._-]{1,128}$/;

/** @throws TrainerError PROTOCOL_VIOLATION */
export function requireName(what: string, name: string): void {
  if (NAME.test(name)) return;
  const got = JSON.stringify(name.slice(0, 40));
  throw protocolViolation(what, '1 to 128 letters, digits and . _ -', got, 'choose another name');
}

/**
 * @param stated length or number that the peer states
 * @throws TrainerError PROTOCOL_VIOLATION
 */
export function requireAtMost(what: string, limit: number, stated: number): void {
  if (stated <= limit) return;
  throw protocolViolation(what, `at most ${limit}`, stated, 'the peer sends something else');
}
