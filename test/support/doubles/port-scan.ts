/** A stranger's view of a port: openssl's client and a raw HTTP/2 client that sends gRPC frames. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import http2 from 'node:http2';
import type { SecureContextOptions } from 'node:tls';

/** What came back for a call. */
export interface Answer {
  /** HTTP status, or null where there was no answer at all. */
  readonly http: number | null;
  /** The gRPC status, or null where none came. */
  readonly grpcStatus: number | null;
  readonly grpcMessage: string;
  /** Bytes of messages. */
  readonly bytes: number;
}

const NO_ANSWER: Answer = { http: null, grpcStatus: null, grpcMessage: '', bytes: 0 };

/** An empty message: not compressed, length 0. */
const EMPTY_FRAME = Buffer.alloc(5);

/** Calls a method on a connection of its own. @param tls null: plain text */
export function rawCall(
  port: number,
  path: string,
  tls: SecureContextOptions | null,
  authorization: string | null,
): Promise<Answer> {
  return new Promise((resolve) => {
    const scheme = tls === null ? 'http' : 'https';
    // Whoever scans does not check whom it talks to.
    const options = tls === null ? {} : { ...tls, rejectUnauthorized: false };
    const session = http2.connect(`${scheme}://localhost:${port}`, options);
    let answer = NO_ANSWER;
    const finish = (): void => {
      session.destroy();
      resolve(answer);
    };
    session.on('error', finish).on('close', finish);
    const stream = session.request({
      [http2.constants.HTTP2_HEADER_METHOD]: 'POST',
      [http2.constants.HTTP2_HEADER_PATH]: path,
      [http2.constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [http2.constants.HTTP2_HEADER_TE]: 'trailers',
      ...(authorization === null ? {} : { authorization }),
    });
    const take = (headers: http2.IncomingHttpHeaders): void => {
      const { ':status': http = answer.http } = headers as { ':status'?: number };
      const status = headers['grpc-status'];
      answer = {
        ...answer,
        http,
        ...(status === undefined ? {} : { grpcStatus: Number(status) }),
        ...(status === undefined
          ? {}
          : { grpcMessage: decodeURI(String(headers['grpc-message'])) }),
      };
    };
    stream.on('response', take).on('trailers', take);
    stream.on('data', (chunk: Buffer) => {
      answer = { ...answer, bytes: answer.bytes + chunk.length };
    });
    stream.on('error', finish).on('close', finish);
    stream.end(EMPTY_FRAME);
  });
}

export interface Handshake {
  /** Bytes of application data that came out of the connection. */
  readonly bytes: number;
  /** What openssl said. */
  readonly said: string;
}

/** `openssl s_client`, sending an HTTP/2 preface as soon as it may. */
export async function opensslHandshake(port: number, ...args: string[]): Promise<Handshake> {
  const target = ['-connect', `localhost:${port}`, '-alpn', 'h2', '-quiet', '-no_ign_eof'];
  const child = spawn('openssl', ['s_client', ...target, ...args]);
  let bytes = 0;
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on('error', () => undefined); // the other side hung up first
  child.stdin.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  const timer = setTimeout(() => child.stdin.end(), 1_000);
  await once(child, 'close');
  clearTimeout(timer);
  return { bytes, said };
}

/** TCP ports on which a process listens, from what the kernel says of its sockets. */
export function listeningPorts(pid: number): { port: number; isLoopback: boolean }[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.slice(1) ?? [];
      } catch {
        return []; // closed since it was listed
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && sockets.has(fields[9] ?? ''))
      .map((fields) => {
        const [host = '', port = ''] = fields[1]!.split(':');
        const isLoopback = host === '0100007F' || host === '00000000000000000000000001000000';
        return { port: Number.parseInt(port, 16), isLoopback };
      }),
  );
}
