/**
 * A worker of `deepcluster bench ps`: no network and no tensor library, a made gradient in place of
 * one.
 */
import { createHash } from 'node:crypto';
import { answerRequests } from './bench-process.ts';
import { fillMade } from './made-exchange.ts';
import { cpuSeconds, peakBytes, transferredBytes } from './process-figures.ts';
import { openLink, type LinkPlan, type Pulled, type WorkerLink } from './worker-link.ts';

/** What a worker used for an exchange. */
export interface WorkerUse {
  readonly cpuSeconds: number;
  /** Of the vectors that it sent and was sent, as they go by gRPC. */
  readonly vectorBytes: number;
  /** Through its sockets; null where the system does not tell. */
  readonly socketBytes: number | null;
}

/** What a worker has at the end. */
export interface WorkerState {
  /** Of the parameters and statistics, one after the other. */
  readonly sha256: string;
  /** Parameters at the indices that were asked for. */
  readonly parameters: readonly number[];
  /** [S] */
  readonly statistics: readonly number[];
  readonly peakBytes: number;
}

let plan: LinkPlan | null = null;
let link: WorkerLink | null = null;
let pulled: Pulled | null = null;
let before = { cpu: 0, bytes: null as number | null };

const handlers = {
  connect: (given: LinkPlan) => {
    plan = given;
    link = openLink(given);
    return { transport: link.transport };
  },
  /** Writes the gradient of a step. */
  make: ({ step }: { readonly step: number }) => {
    const { worker, parameters } = required(plan);
    const made = required(link);
    const { statistics } = made;
    const gradient = made.begin(step);
    fillMade(gradient, 0, worker, step);
    fillMade(statistics, parameters, worker, step);
    return null;
  },
  push: async ({ step }: { readonly step: number }) => {
    before = { cpu: cpuSeconds(), bytes: transferredBytes() };
    await required(link).push(step);
    return null;
  },
  pull: async ({ version }: { readonly version: number }) => {
    // The network has them: the memory of those before is free.
    pulled?.release();
    pulled = await required(link).pull(version);
    return null;
  },
  /** Since the push began. */
  used: (_: null): WorkerUse => {
    const { vectorBytes } = required(link);
    const bytes = transferredBytes();
    return {
      cpuSeconds: cpuSeconds() - before.cpu,
      vectorBytes,
      socketBytes: bytes === null || before.bytes === null ? null : bytes - before.bytes,
    };
  },
  inspect: ({ indices }: { readonly indices: readonly number[] }): WorkerState => {
    const { parameters, statistics } = required(pulled);
    return {
      sha256: createHash('sha256').update(parameters).update(statistics).digest('hex'),
      parameters: indices.map((index) => parameters[index]!),
      statistics: [...statistics],
      peakBytes: peakBytes(),
    };
  },
};

export type WorkerRequests = typeof handlers;

answerRequests(handlers);

function required<Value>(value: Value | null): Value {
  if (value === null) throw new Error('worker of the benchmark: asked out of turn');
  return value;
}
