/**
 * Who may see the live page and use its buttons. Pure.
 *
 * On a loopback address whoever is on this machine may look; elsewhere the operator's token is
 * asked for. What changes the run asks for it everywhere, in a header, which no page of another
 * site can set; there are no cookies that could speak for a person. On loopback the Host header
 * must be a loopback name: a page of another site whose name was made to point here (DNS rebinding)
 * would bring its own.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { hostOf, isLoopback } from '../../../src/rpc/channel/address.ts';

export interface PageRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** As the headers say; undefined where there is none. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
  /** `token` of the query; null where there is none. */
  readonly queryToken: string | null;
}

export interface PageRules {
  readonly token: string;
  /** Of the address that is listened on. */
  readonly isLoopback: boolean;
  readonly scheme: 'http' | 'https';
}

export interface Refusal {
  readonly status: 403 | 405;
  readonly reason: string;
}

/** The page without data, and numbers that hold no image: they need no token anywhere. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/', '/page.js', '/metrics']);

/** Null: it may. */
export function judgeRequest(request: PageRequest, rules: PageRules): Refusal | null {
  const { method, path, host, origin } = request;
  const changes = path.startsWith('/do/');
  const methods = changes ? ['POST'] : ['GET', 'HEAD'];
  if (!methods.includes(method)) {
    return { status: 405, reason: `${path} takes ${methods.join(' and ')} only` };
  }
  if (rules.isLoopback && (host === undefined || !isLoopback(withPort(host)))) {
    return refused('the address must name this machine: localhost or 127.0.0.1');
  }
  if (changes && origin !== undefined && origin !== `${rules.scheme}://${host ?? ''}`) {
    return refused('a page of another site must not do this');
  }
  if (changes) return hasToken(headerToken(request), rules) ? null : needsToken();
  if (rules.isLoopback || OPEN_PATHS.has(path)) return null;
  const given = headerToken(request) ?? request.queryToken;
  return hasToken(given, rules) ? null : needsToken();
}

function refused(reason: string): Refusal {
  return { status: 403, reason };
}

function needsToken(): Refusal {
  return refused(
    "the operator's token is needed: open the page by the address that was printed, with #token=…",
  );
}

function withPort(host: string): string {
  return /:\d+$/.test(host) ? host : `${host}:80`;
}

function headerToken({ authorization }: PageRequest): string | null {
  return /^Bearer (\S+)$/.exec(authorization ?? '')?.[1] ?? null;
}

/** Takes as long for every token: hashes of equal length are compared. */
function hasToken(given: string | null, { token }: PageRules): boolean {
  if (given === null) return false;
  const [a, b] = [given, token].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(a!, b!);
}

/** Whether a listener's address can be reached from this machine alone. */
export function isLoopbackHost(address: string): boolean {
  return hostOf(address) !== '' && isLoopback(address);
}
