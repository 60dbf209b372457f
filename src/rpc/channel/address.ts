/** Addresses as they are written: `host:port`, `[host]:port`. */
import { configInvalid } from '../../errors.ts';

/** Whether an address (`host:port`) can be reached from this machine alone. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address);
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

/** The host of `host:port` or `[host]:port`. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
}

/**
 * @param key the word for it in the message
 * @throws TrainerError CONFIG_INVALID for what is no HOST:PORT: gRPC would take a port of its own
 *   choice
 */
export function assertAddress(key: string, address: string, flag: string): void {
  if (/^(\[[^\]]+\]|[^:]+):\d{1,5}$/.test(address)) return;
  throw configInvalid(key, 'must be HOST:PORT, for instance 127.0.0.1:7070', address, flag);
}
