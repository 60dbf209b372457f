/**
 * The network of a simulated run: calls with deadlines and repeats as src/rpc/calls.ts makes them, and sessions, whose messages
 * keep their order until the connection breaks. Messages are late, lost, or come twice; a reply may be lost after its effect;
 * pairs of processes are cut off from each other. What travels is copied by who sends it.
 */
import { TrainerError, unavailable } from '../../src/errors.ts';
import { isRetryable } from '../../src/rpc/status.ts';
import { STILL } from './signals.ts';
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
const DEADLINE_MS = 250;
const REPEAT_MS = 1_000;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 80;
/** When a peer notices that a connection is dead without having been told [ms]. */
const KEEPALIVE_MS = 80;

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
    return new Promise((resolve, reject) => {
      new RepeatedCall(this, call, resolve, reject).begin();
    });
  }

  /** One attempt, whose failure is nobody's business. */
  callOnce(call: CallTo<unknown>): void {
    new Attempt(this, call, null).begin();
  }
}

/** A call and its repeats. */
class RepeatedCall<Reply> {
  readonly #network: Network;
  readonly #call: CallTo<Reply>;
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: Error) => void;
  readonly #endMs: number;
  #pauseMs = FIRST_PAUSE_MS;
  #isOver = false;

  constructor(
    network: Network,
    call: CallTo<Reply>,
    resolve: (reply: Reply) => void,
    reject: (error: Error) => void,
  ) {
    this.#network = network;
    this.#call = call;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#endMs = network.world.nowMs + REPEAT_MS;
  }

  begin(): void {
    const { signal } = this.#call;
    if (signal !== STILL) signal?.addEventListener('abort', this, { once: true });
    if (signal?.aborted === true) this.handleEvent();
    else this.#attempt();
  }

  /** The signal says that the call is of no use any more. */
  handleEvent(): void {
    this.#fail(unavailable(this.#call.what, 'the call was ended'));
  }

  /** An attempt has ended. */
  take(error: unknown, reply?: Reply): void {
    if (this.#isOver) return;
    const { world } = this.#network;
    if (error === null) {
      this.#end();
      this.#resolve(reply as Reply);
    } else if (!isRetryable(error) || world.nowMs + this.#pauseMs > this.#endMs) {
      this.#fail(error as Error);
    } else {
      world.after(this.#pauseMs, this.#call.caller, '', () => {
        if (!this.#isOver) this.#attempt();
      });
      this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    }
  }

  #attempt(): void {
    new Attempt(this.#network, this.#call, this).begin();
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#isOver = true;
    const { signal } = this.#call;
    if (signal !== STILL) signal?.removeEventListener('abort', this);
  }
}

/** One attempt at a call: a request on its way, perhaps twice, and its reply. */
class Attempt<Reply> {
  readonly #network: Network;
  readonly #call: CallTo<Reply>;
  /** Null where nobody waits for the reply. */
  readonly #waiting: RepeatedCall<Reply> | null;
  readonly #target: SimulatedProcess | null;
  #deadline: Timer | null = null;
  #isOver = false;
  /** The connection is seen to be dead. */
  readonly #mourn = (): void => {
    const { world } = this.#network;
    this.#breakAfter(world.chance(0.2) ? KEEPALIVE_MS : this.#network.delay());
  };

  constructor(network: Network, call: CallTo<Reply>, waiting: RepeatedCall<Reply> | null) {
    this.#network = network;
    this.#call = call;
    this.#waiting = waiting;
    this.#target = call.address();
  }

  begin(): void {
    const { world, weather } = this.#network;
    const { caller, what } = this.#call;
    const target = this.#target;
    if (caller.state === 'dead') return;
    if (target === null || target.state === 'dead') {
      this.#breakAfter(this.#network.delay());
      return;
    }
    if (this.#waiting !== null) {
      this.#deadline = world.after(DEADLINE_MS, caller, '', () => {
        this.#finish(unavailable(what, 'its deadline passed'));
      });
      target.mourners.add(this.#mourn);
    }
    const title = what === '' || !world.isTraced ? '' : `${what} <- ${caller.name}`;
    this.#send(this.#network.delay(), title, target);
    if (!world.chance(weather.twice)) return;
    const laterMs = this.#network.delay() + world.between(0, 300);
    this.#send(laterMs, title === '' ? '' : `${title}, again`, target);
  }

  #send(delayMs: number, title: string, target: SimulatedProcess): void {
    this.#network.world.after(delayMs, target, title, () => {
      this.#deliver(target);
    });
  }

  #deliver(target: SimulatedProcess): void {
    const { world } = this.#network;
    const { caller, what, handle } = this.#call;
    if (this.#network.isCut(caller, target) || this.#network.isLost()) {
      this.#breakAfter(world.between(20, KEEPALIVE_MS));
      return;
    }
    try {
      handle(target, (error, reply) => {
        this.#reply(target, error, reply);
      });
    } catch (error) {
      if (error instanceof TrainerError) world.log(`${what}: ${error.code} ${error.message}`);
      this.#reply(target, error);
    }
  }

  #reply(target: SimulatedProcess, error: unknown, reply?: Reply): void {
    const { world } = this.#network;
    const { caller, what } = this.#call;
    if (target.state === 'dead' || this.#waiting === null || this.#isOver) return;
    if (this.#network.isLost() || this.#network.isCut(caller, target)) {
      world.log(`the reply to ${what} is lost`);
      this.#breakAfter(world.between(20, KEEPALIVE_MS));
      return;
    }
    world.after(this.#network.delay(), caller, '', () => {
      this.#finish(error, reply);
    });
  }

  #breakAfter(delayMs: number): void {
    if (this.#waiting === null) return;
    const { caller, what } = this.#call;
    this.#network.world.after(delayMs, caller, '', () => {
      this.#finish(unavailable(what, 'the connection broke'));
    });
  }

  #finish(error: unknown, reply?: Reply): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.cancel();
    this.#target?.mourners.delete(this.#mourn);
    this.#waiting?.take(error, reply);
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
