/**
 * Where the time of an order goes: into waiting for views, into the device, into the network; as
 * sums, and as a trace.
 */
import type { Trace, TraceArgs } from '../src/telemetry/trace.ts';
import type { Times } from '../src/work/tools.ts';

export class OrderTimes implements Times {
  readonly #trace: Trace;
  /** Time that the device had nothing to do because views were late [s]. */
  viewWaitSeconds = 0;
  /** Time in the network's passes, forward and backward [s]. */
  computeSeconds = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Waits for views, and counts it. */
  async views<T>(views: Promise<T>): Promise<T> {
    const startedMs = performance.now();
    try {
      return await this.span('wait for views', {}, () => views);
    } finally {
      this.viewWaitSeconds += (performance.now() - startedMs) / 1000;
    }
  }

  /** Runs a pass of the network, which keeps this thread until it is done, and counts it. */
  pass<T>(name: string, args: TraceArgs, pass: () => T): T {
    const startedMs = performance.now();
    const end = this.#trace.begin(name, args);
    try {
      return pass();
    } finally {
      end();
      this.computeSeconds += (performance.now() - startedMs) / 1000;
    }
  }

  /** Anything else, for the trace only. */
  async span<T>(name: string, args: TraceArgs, work: () => T | Promise<T>): Promise<T> {
    const end = this.#trace.begin(name, args);
    try {
      return await work();
    } finally {
      end();
    }
  }
}
