/**
 * Server-sent events to whoever watches
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). A reader that does not keep
 * up is cut off: it connects again and gets what holds then.
 */

/** Watchers at a time; more are sent away. */
export const MAX_STREAMS = 16;
/** Bytes that may wait for one of them. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** After which a browser connects again [ms]. */
const RETRY_MS = 1_000;

/** One event. @param data anything that JSON can hold */
export function eventFrame(event: string, data: unknown): string {
  // JSON has no line break of its own: one line of data is all that there is.
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** What a stream begins with. */
export function openingFrame(): string {
  return `retry: ${RETRY_MS}\n\n`;
}

/** What it needs of a response. */
export interface StreamResponse {
  /** Bytes that wait for the reader. */
  readonly writableLength: number;
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  write(text: string): unknown;
  end(): unknown;
  destroy(): unknown;
  on(event: 'close' | 'error', listener: () => void): unknown;
}

export class EventStreams {
  readonly #open = new Set<StreamResponse>();

  get count(): number {
    return this.#open.size;
  }

  /** @returns false when there are too many already: nothing was written */
  add(response: StreamResponse): boolean {
    if (this.#open.size >= MAX_STREAMS) return false;
    this.#open.add(response);
    const gone = (): void => {
      this.#open.delete(response);
    };
    response.on('close', gone);
    response.on('error', gone);
    response.writeHead(200, {
      ...{ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
      'x-accel-buffering': 'no',
    });
    this.#write(response, openingFrame());
    return true;
  }

  /** To one of them. */
  sendTo(response: StreamResponse, event: string, data: unknown): void {
    this.#write(response, eventFrame(event, data));
  }

  /** To all. */
  send(event: string, data: unknown): void {
    const frame = eventFrame(event, data);
    for (const response of [...this.#open]) this.#write(response, frame);
  }

  /** Shows that the connections live. */
  keepAlive(): void {
    for (const response of [...this.#open]) this.#write(response, ': alive\n\n');
  }

  close(): void {
    for (const response of this.#open) response.end();
    this.#open.clear();
  }

  #write(response: StreamResponse, frame: string): void {
    if (!this.#open.has(response)) return;
    if (response.writableLength > MAX_WAITING_BYTES) {
      this.#open.delete(response);
      response.destroy();
      return;
    }
    response.write(frame);
  }
}
