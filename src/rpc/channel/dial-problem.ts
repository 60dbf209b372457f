/**
 * Why a peer could not be reached: gRPC's sentences, which name neither the address that was
 * dialled nor what to do, and ours. Each rule has a test that has gRPC fail in that way
 * (test/integration/dial-failures.test.ts).
 */

import { hostOf } from './address.ts';

/** What was dialled, and how. */
export interface Dial {
  /** `host:port` */
  readonly address: string;
  readonly isSecure: boolean;
  /** The variable of the environment that names the proxy; null: none. */
  readonly proxy: string | null;
}

/** Why a name has no address: the system's code, or that it has one by now. */
export type NameProblem = string;

/** A reason and a remedy, for what gRPC or the system says. */
interface Rule {
  readonly pattern: RegExp;
  readonly words: (dial: Dial, found: RegExpExecArray) => string;
}

/** How gRPC begins and ends the sentence around the reason. */
const NO_CONNECTION = /^No connection established(?:\. Last error: (.*?)\. Resolution note: .*)?$/s;

const CHECK_ADDRESS =
  'check that it runs, and that this is the address of "coordinator.listening" or "server.listening" in its log';

/** Of what gRPC reports as the reason; the first that fits is taken. */
const REASONS: readonly Rule[] = [
  {
    pattern: /ECONNREFUSED/,
    words: () => `nothing listens there (ECONNREFUSED); ${CHECK_ADDRESS}`,
  },
  {
    pattern: /\b(EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL)\b/,
    words: (_dial, [, code]) =>
      `no way leads to that host (${code}); check the address and this machine's network`,
  },
  {
    pattern: /ETIMEDOUT/,
    words: () =>
      `the host did not answer in time (ETIMEDOUT); check the address, and that no firewall stands between`,
  },
  {
    pattern: /expected a certificate of the .*/,
    words: (_dial, [text]) =>
      `it has another certificate: ${text}; check the address, and which folder it was started with`,
  },
  {
    pattern: /certificate has expired|certificate is not yet valid/,
    words: (_dial, [text]) =>
      `its ${text}; renew it with: deepcluster certs make --out DIR --renew, and check both clocks`,
  },
  {
    pattern: /self-signed certificate|unable to (verify|get)[^:]*certificate|alert unknown ca/,
    words: () =>
      'its certificate is not of the same job; start both sides with credentials of one: deepcluster certs make --out DIR --job NAME',
  },
  {
    pattern: /Hostname\/IP does not match.*/,
    words: (_dial, [text]) =>
      `its certificate does not name that host (${text}); make it with: deepcluster certs make --out DIR --renew --hosts NAMES`,
  },
  {
    pattern: /wrong version number|packet length too long|http request/,
    words: () =>
      'it does not speak TLS; start it with --credentials, or leave --credentials away here, if this is its address at all',
  },
  {
    pattern: /Protocol error|Received bad client magic|NGHTTP2/,
    words: () => `it does not speak gRPC: another program listens there; correct the address`,
  },
  {
    pattern: /Failed to connect|Socket closed|ECONNRESET|disconnected before secure TLS|EPIPE/,
    words: ({ isSecure }) =>
      isSecure
        ? 'it closed the connection before TLS was there; check that it was started with --credentials, and the address'
        : 'it closed the connection at once; where it was started with --credentials, give them here too, else check the address',
  },
];

/**
 * The sentence for a call that failed for want of a connection.
 * @param details what gRPC says
 * @param name why the host's name has no address, where that was the reason
 * @returns null for any other failure: the peer's own words, a cancelled call
 */
export function connectionProblem(
  details: string,
  dial: Dial,
  name: NameProblem | null,
): string | null {
  if (name !== null) return `${noConnection(dial)}: ${wordsForName(dial, name)}`;
  const unconnected = NO_CONNECTION.exec(details);
  if (unconnected !== null) {
    return `${noConnection(dial)}: ${wordsForReason(dial, unconnected[1] ?? 'no reason given')}`;
  }
  const status = /^Received HTTP status code (\d+)/.exec(details)?.[1];
  if (status !== undefined) {
    const who = dial.proxy === null ? 'a web server or a proxy' : 'the proxy, or a web server,';
    return `${noConnection(dial)}: ${who} answered with HTTP status ${status}; correct the address`;
  }
  const seconds = /^Deadline exceeded after ([\d.]+)s/.exec(details)?.[1];
  if (seconds !== undefined) return wordsForDeadline(details, Number(seconds), dial);
  const method = /^The server does not implement the method (\S+)/.exec(details)?.[1];
  if (method !== undefined) {
    return `${dial.address} does not know ${method}: another process of the run listens there, or another program; correct the address`;
  }
  if (details === 'Connection dropped') {
    return `the connection to ${dial.address} broke: its process ended, or the network between failed`;
  }
  if (details === 'Channel closed before call started') {
    return `the connection to ${dial.address} has been closed on this side`;
  }
  return null;
}

function noConnection({ address, isSecure, proxy }: Dial): string {
  const how = isSecure ? 'TLS' : 'plain text';
  const through = proxy === null ? 'no proxy' : `through the proxy of ${proxy}`;
  return `no connection to ${address} (${how}, ${through})`;
}

function wordsForReason(dial: Dial, reason: string): string {
  for (const { pattern, words } of REASONS) {
    const found = pattern.exec(reason);
    if (found !== null) return words(dial, found);
  }
  if (reason === 'null') return 'no reason given';
  // Without the class name before it and the time behind it.
  return reason.replace(/^(\w*Error: )+/, '').replace(/ \(\d{4}-[\dT:.-]+Z\)$/, '');
}

function wordsForName({ address }: Dial, problem: NameProblem): string {
  const host = hostOf(address);
  if (problem === 'found') return `the name ${host} had no address a moment ago; try again`;
  if (problem === 'EAI_AGAIN') {
    return `the name service does not answer for ${host} (EAI_AGAIN); try again, or give an IP address`;
  }
  return `no host has the name ${host} (${problem}); correct it, or give an IP address`;
}

/**
 * gRPC counts what the time went by with: an address of the other side is there once it is
 * connected.
 */
function wordsForDeadline(details: string, seconds: number, dial: Dial): string {
  const within = `within ${Number(seconds.toFixed(1))} s`;
  if (details.includes('remote_addr=')) return `${dial.address} did not answer ${within}`;
  const remedy = 'check the address, and that no firewall stands between';
  return `${noConnection(dial)}: no answer ${within}; ${remedy}`;
}
