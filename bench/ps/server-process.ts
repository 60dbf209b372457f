/**
 * A parameter server of `deepcluster bench ps`: the product's service, without its session with a
 * coordinator.
 */
import { startServer } from '../../src/rpc/channel/channel.ts';
import { openCredentials } from '../../src/security/credentials.ts';
import { addParametersService } from '../../server/parameter-service.ts';
import { answerRequests } from './bench-process.ts';
import { LoopWatch, cpuSeconds, peakBytes } from './process-figures.ts';

/** What a server used for an exchange. */
export interface ServerUse {
  readonly cpuSeconds: number;
  /** Longest block of the event loop [ms]. */
  readonly blockMs: number;
}

const watch = new LoopWatch();
let cpuBefore = 0;

const handlers = {
  listen: async ({ credentials: folder }: { readonly credentials: string | null }) => {
    const credentials = folder === null ? null : openCredentials(folder, 'server');
    const { address } = await startServer('127.0.0.1:0', addParametersService, { credentials });
    return { address };
  },
  begin: (_: null) => {
    cpuBefore = cpuSeconds();
    watch.begin();
    return null;
  },
  end: (_: null): ServerUse => ({
    blockMs: watch.end(),
    cpuSeconds: cpuSeconds() - cpuBefore,
  }),
  peak: (_: null) => ({ peakBytes: peakBytes() }),
};

export type ServerRequests = typeof handlers;

answerRequests(handlers);
