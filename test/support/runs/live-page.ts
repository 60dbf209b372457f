/** The live page of a run as a browser or Prometheus meets it: plain HTTP, and the stream of events. */
import { existsSync, readFileSync } from 'node:fs';
import { request, type ClientRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveState } from '../../../coordinator/dashboard/live-state.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a run's folder says of its page. */
export interface PagePlace {
  readonly address: string;
  readonly token: string;
}

/** Waits until the page has been listened on. */
export async function pageOf(out: string): Promise<PagePlace> {
  const file = join(out, 'live-page.json');
  while (!existsSync(file)) await sleep(20);
  return JSON.parse(readFileSync(file, 'utf8')) as PagePlace;
}

/** @throws Error with the code of the connection's failure */
export function ask(address: string, path: string, asked: Asked = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {} } = asked;
    const sent = request(`http://${address}${path}`, { method, headers, agent: false }, (reply) => {
      let body = '';
      reply.on('data', (text: Buffer) => (body += text.toString()));
      reply.on('error', reject);
      reply.on('end', () => {
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** What a button of the page does. */
export function press({ address, token }: PagePlace, path: string): Promise<Reply> {
  const headers = { authorization: `Bearer ${token}`, origin: `http://${address}` };
  return ask(address, path, { method: 'POST', headers });
}

/** Waits for a state of the run that `matches`; the page may be away for a while. */
export async function stateThat(
  { address }: Pick<PagePlace, 'address'>,
  matches: (state: LiveState) => boolean,
): Promise<LiveState> {
  for (;;) {
    const reply = await ask(address, '/state.json').catch(() => null);
    const state = reply?.status === 200 ? (JSON.parse(reply.body) as LiveState) : null;
    if (state !== null && matches(state)) return state;
    await sleep(30);
  }
}

/** Samples of a scrape, by name with labels. */
export function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** Events of a stream, gathered as they come. */
export class StreamReader {
  /** By name of the part: its newest markup. */
  readonly parts = new Map<string, string>();
  /** Names of the events that have come. */
  readonly names: string[] = [];
  isEnded = false;
  readonly #request: ClientRequest;
  #rest = '';

  constructor({ address }: Pick<PagePlace, 'address'>) {
    this.#request = request(`http://${address}/events`, { agent: false }, (reply) => {
      reply.on('data', (text: Buffer) => {
        this.#take(text.toString());
      });
      reply.on('close', () => (this.isEnded = true));
      reply.on('error', () => undefined);
    });
    this.#request.on('error', () => (this.isEnded = true));
    this.#request.end();
  }

  async until(matches: () => boolean): Promise<void> {
    while (!matches()) await sleep(20);
  }

  close(): void {
    this.#request.destroy();
  }

  #take(text: string): void {
    const frames = (this.#rest + text).split('\n\n');
    this.#rest = frames.pop() ?? '';
    for (const frame of frames) {
      const event = /^event: (.*)$/m.exec(frame)?.[1];
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (event === undefined || data === undefined) continue;
      this.names.push(event);
      if (event !== 'part') continue;
      const { name, html } = JSON.parse(data) as { name: string; html: string };
      this.parts.set(name, html);
    }
  }
}
