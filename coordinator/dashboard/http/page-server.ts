/**
 * The live page's HTTP: listens, judges who asks (access.ts), and answers. Beyond loopback it
 * speaks TLS with the coordinator's certificate.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../../src/errors.ts';
import { hostOf } from '../../../src/rpc/channel/address.ts';
import type { Credentials } from '../../../src/security/credentials.ts';
import { judgeRequest, type PageRules } from './access.ts';
import { PAGE_POLICY } from '../page/page.ts';

/** What is answered; `body` is text. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Null: the handler answers by itself. */
export type Handler = (
  query: URLSearchParams,
  response: ServerResponse,
) => Answer | null | Promise<Answer>;

export interface PageServerDeps {
  /** By path. */
  readonly routes: Readonly<Record<string, Handler>>;
  readonly rules: PageRules;
  /** Null: plain HTTP. */
  readonly credentials: Credentials | null;
  readonly onFailure: (reason: string) => void;
}

export interface PageServer {
  /** `host:port` with the port that was given out. */
  readonly address: string;
  close(): Promise<void>;
}

const TEXT = 'text/plain; charset=utf-8';

export function text(status: number, body: string): Answer {
  return { status, type: TEXT, body: `${body}\n` };
}

/** A connection that is slow to ask is closed [ms]. */
const ASK_MS = 10_000;
/** Connections at a time. */
const MAX_CONNECTIONS = 64;
/** For answers that are under way when it closes [ms]. */
const CLOSE_MS = 500;

/** @throws Error with a code such as EADDRINUSE where it cannot listen */
export async function startPageServer(address: string, deps: PageServerDeps): Promise<PageServer> {
  const { credentials } = deps;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(request, response, deps);
  };
  const options = { requestTimeout: ASK_MS, headersTimeout: ASK_MS };
  let forget: () => void = () => undefined;
  let server: Server;
  if (credentials === null) {
    server = createServer(options, listener);
  } else {
    const { certificatePem: cert, keyPem: key } = credentials.current;
    const secure = createSecureServer({ ...options, cert, key, minVersion: 'TLSv1.3' }, listener);
    forget = credentials.onChange((renewed) => {
      secure.setSecureContext({ cert: renewed.certificatePem, key: renewed.keyPem });
    });
    server = secure;
  }
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, address);
  server.on('error', (error) => {
    deps.onFailure(messageOf(error));
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `${address.slice(0, address.lastIndexOf(':'))}:${port}`,
    close: async () => {
      forget();
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      server.closeIdleConnections();
      const force = setTimeout(() => {
        server.closeAllConnections();
      }, CLOSE_MS);
      await closed;
      clearTimeout(force);
    },
  };
}

function listen(server: Server, address: string): Promise<void> {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: hostOf(address), port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, rules, onFailure }: PageServerDeps,
): Promise<void> {
  try {
    const { pathname: path, searchParams } = new URL(`http://page${request.url ?? '/'}`);
    const { host, origin, authorization } = request.headers;
    const refusal = judgeRequest(
      {
        ...{ method: request.method ?? 'GET', path, host, origin, authorization },
        queryToken: searchParams.get('token'),
      },
      rules,
    );
    setHeaders(response);
    // What the buttons post has no body.
    request.resume();
    if (refusal !== null) {
      send(response, text(refusal.status, refusal.reason));
      return;
    }
    const handler = Object.hasOwn(routes, path) ? routes[path] : undefined;
    const reply = await (handler?.(searchParams, response) ?? notFound(handler, path));
    if (reply !== null) send(response, reply);
  } catch (error) {
    onFailure(messageOf(error));
    if (response.headersSent) response.destroy();
    else send(response, text(500, 'the page failed; see the log of the coordinator'));
  }
}

function notFound(handler: Handler | undefined, path: string): Answer | null {
  return handler === undefined ? text(404, `there is nothing at ${path}`) : null;
}

function setHeaders(response: ServerResponse): void {
  response.setHeader('content-security-policy', PAGE_POLICY);
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cache-control', 'no-store');
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
