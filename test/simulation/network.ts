/**
 * The network of a simulated run: calls with deadlines and repeats as src/rpc/calls.ts makes them, and sessions, whose messages
 * keep their order until the connection breaks. Messages are late, lost, or come twice; a reply may be lost after its effect;
 * pairs of processes are cut off from each other. What travels is copied by who sends it.
 */
import { TrainerError, unavailable } from '../../src/errors.ts';
import { isRetryable } from '../../src/rpc/status.ts';
import type { SimulatedProcess, Timer, World } from './virtual-world.ts';

/** How bad the network is: probabilities by message. */
export interface Weather {
  lost: number;
  late: number;
  twice: number;
}

export type Respond<Reply> = (error: unknown, reply?: Reply) => void;

/** Answers a call now or later; what it throws is its answer. */
export type Handle<Reply> = (target: SimulatedProcess, respond: Respond<Reply>) => void;

/** Who is at an address now. */
export type Address = () => SimulatedProcess | null;

export interface CallTo<Reply> {
  readonly caller: SimulatedProcess;
  readonly address: Address;
  readonly what: string;
  readonly handle: Handle<Reply>;
  readonly signal?: AbortSignal | undefined;
}

/** One call's time, and how long it is repeated [ms]. */
const DEADLINE_MS = 400;
const REPEAT_MS = 1_500;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 80;
/** When a peer notices that a connection is dead without having been told [ms]. */
const KEEPALIVE_MS = 120;

export class Network {
  readonly world: World;
  readonly weather: Weather = { lost: 0, late: 0, twice: 0 };
  /** Pairs that are cut off, by their names. */
  readonly #cuts = new Set<string>();

  constructor(world: World) {
    this.world = world;
  }

  cut(a: string, b: string): void {
    this.#cuts.add(`${a}|${b}`).add(`${b}|${a}`);
  }

  mend(a: string, b: string): void {
    this.#cuts.delete(`${a}|${b}`);
    this.#cuts.delete(`${b}|${a}`);
  }

  mendAll(): void {
    this.#cuts.clear();
    Object.assign(this.weather, { lost: 0, late: 0, twice: 0 });
  }

  isCut(a: SimulatedProcess, b: SimulatedProcess): boolean {
    return this.#cuts.has(`${a.name}|${b.name}`);
  }

  delay(): number {
    const { world, weather } = this;
    return world.chance(weather.late) ? world.between(20, 250) : world.between(0.5, 4);
  }

  isLost(): boolean {
    return this.world.chance(this.weather.lost);
  }

  /** Calls until it is answered, fails for good, or has failed for too long. */
  call<Reply>(call: CallTo<Reply>): Promise<Reply> {
    const { world } = this;
    const { caller, what, signal } = call;
    return new Promise((resolve, reject) => {
      const endMs = world.nowMs + REPEAT_MS;
      let pauseMs = FIRST_PAUSE_MS;
      let timer: Timer | null = null;
      let isOver = false;
      const settle = (end: () => void): void => {
        if (isOver) return;
        isOver = true;
        timer?.cancel();
        signal?.removeEventListener('abort', stop);
        end();
      };
      const fail = (error: unknown): void => {
        settle(() => {
          reject(error as Error);
        });
      };
      const stop = (): void => {
        fail(unavailable(what, 'the call was ended'));
      };
      const attempt = (): void => {
        this.#attempt(call, (error, reply) => {
          if (isOver) return;
          if (error === null) {
            settle(() => {
              resolve(reply as Reply);
            });
          } else if (!isRetryable(error) || world.nowMs + pauseMs > endMs) fail(error);
          else {
            timer = world.after(pauseMs, caller, '', attempt);
            pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
          }
        });
      };
      signal?.addEventListener('abort', stop, { once: true });
      if (signal?.aborted === true) stop();
      else attempt();
    });
  }

  /** One attempt, whose failure is nobody's business. */
  callOnce(call: CallTo<unknown>): void {
    this.#attempt(call, () => undefined);
  }

  #attempt<Reply>({ caller, address, what, handle }: CallTo<Reply>, done: Respond<Reply>): void {
    const { world } = this;
    if (caller.state === 'dead') return;
    const target = address();
    let isOver = false;
    const finish: Respond<Reply> = (error, reply) => {
      if (isOver) return;
      isOver = true;
      deadline.cancel();
      target?.mourners.delete(mourn);
      done(error, reply);
    };
    const breakAfter = (ms: number): void => {
      world.after(ms, caller, '', () => {
        finish(unavailable(what, 'the connection broke'));
      });
    };
    const mourn = (): void => {
      breakAfter(world.chance(0.2) ? KEEPALIVE_MS : this.delay());
    };
    const deadline = world.after(DEADLINE_MS, caller, '', () => {
      finish(unavailable(what, 'its deadline passed'));
    });
    if (target === null || target.state === 'dead') {
      breakAfter(this.delay());
      return;
    }
    target.mourners.add(mourn);
    const deliver = (): void => {
      if (this.isCut(caller, target) || this.isLost()) {
        breakAfter(world.between(20, KEEPALIVE_MS));
        return;
      }
      const isReplyLost = this.isLost();
      const respond: Respond<Reply> = (error, reply) => {
        if (target.state === 'dead') return;
        if (isReplyLost || this.isCut(caller, target)) {
          world.log(`the reply to ${what} is lost`);
          breakAfter(world.between(20, KEEPALIVE_MS));
          return;
        }
        world.after(this.delay(), caller, '', () => {
          finish(error, reply);
        });
      };
      try {
        handle(target, respond);
      } catch (error) {
        if (error instanceof TrainerError) world.log(`${what}: ${error.code} ${error.message}`);
        respond(error);
      }
    };
    const title = what === '' ? '' : `${what} <- ${caller.name}`;
    world.after(this.delay(), target, title, deliver);
    if (world.chance(this.weather.twice)) {
      const laterMs = this.delay() + world.between(0, 300);
      world.after(laterMs, target, title === '' ? '' : `${title}, again`, deliver);
    }
  }
}

/** One side of a session. */
export interface SessionEnd<Message> {
  readonly take: (message: Message) => void;
  /** Told once, after the last message. */
  readonly closed: (isBroken: boolean) => void;
}

/** A bidirectional stream between two processes. */
export class Session<Up, Down> {
  readonly #network: Network;
  readonly #client: SimulatedProcess;
  readonly #server: SimulatedProcess;
  #up: SessionEnd<Up> | null = null;
  readonly #down: SessionEnd<Down>;
  #isBroken = false;
  /** When the newest message arrives, by direction: none overtakes it. */
  readonly #arrival = { up: 0, down: 0 };
  readonly #mourn: () => void;

  constructor(
    network: Network,
    client: SimulatedProcess,
    server: SimulatedProcess,
    down: SessionEnd<Down>,
  ) {
    this.#network = network;
    this.#client = client;
    this.#server = server;
    this.#down = down;
    this.#mourn = () => {
      this.breakOff();
    };
    client.mourners.add(this.#mourn);
    server.mourners.add(this.#mourn);
  }

  /** The first thing that the server sees of it. */
  open(greet: () => void): void {
    this.#send('up', this.#server, greet);
  }

  /** The server's side. */
  attach(up: SessionEnd<Up>): void {
    this.#up = up;
  }

  sendUp(message: Up): void {
    this.#send('up', this.#server, () => this.#up?.take(message));
  }

  sendDown(message: Down): void {
    this.#send('down', this.#client, () => this.#down.take(message));
  }

  /** The server ends it: what was sent before arrives. */
  end(): void {
    this.#send('down', this.#client, () => {
      this.#close(false);
    });
  }

  /** The connection is gone; each side that lives notices in its time. */
  breakOff(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    const { world } = this.#network;
    this.#client.mourners.delete(this.#mourn);
    this.#server.mourners.delete(this.#mourn);
    const delay = (): number => (world.chance(0.2) ? KEEPALIVE_MS : this.#network.delay());
    world.after(delay(), this.#client, '', () => this.#down.closed(true));
    world.after(delay(), this.#server, '', () => this.#up?.closed(true));
  }

  #close(isBroken: boolean): void {
    this.#isBroken = true;
    this.#client.mourners.delete(this.#mourn);
    this.#server.mourners.delete(this.#mourn);
    this.#down.closed(isBroken);
    this.#network.world.after(this.#network.delay(), this.#server, '', () =>
      this.#up?.closed(isBroken),
    );
  }

  #send(way: 'up' | 'down', to: SimulatedProcess, deliver: () => void): void {
    if (this.#isBroken) return;
    const { world } = this.#network;
    if (this.#network.isCut(this.#client, this.#server) || this.#network.isLost()) {
      this.breakOff();
      return;
    }
    const atMs = Math.max(this.#arrival[way], world.nowMs + this.#network.delay());
    this.#arrival[way] = atMs;
    world.after(atMs - world.nowMs, to, '', () => {
      if (!this.#isBroken) deliver();
    });
  }
}
