/**
 * How a worker of `deepcluster bench ps` reaches the parameters: the array that its gradient is
 * written to, and the way there and back. The one place that knows the transport.
 * Shapes: P parameters, S statistics.
 */
import type { CodecName } from '../../src/ps/codec/codec-name.ts';
import { exchangeCodings } from '../../src/ps/codec/vector-coding.ts';
import { cutsFor } from '../../src/ps/parameter-plan.ts';
import { GradientMemory } from '../../src/parameter-plane/gradient-memory.ts';
import { hostName } from '../../src/parameter-plane/segment.ts';
import { weighted } from '../../src/ps/unit-sum.ts';
import { vectorOf } from '../../src/rpc/named-vectors.ts';
import { openCredentials } from '../../src/security/credentials.ts';
import { ServerAccess } from '../../worker/server-access.ts';
import { SLICE_SAMPLES, madeLayout, madeTraining } from './made-exchange.ts';

/** Where a worker finds its servers. */
export interface LinkPlan {
  readonly addresses: readonly string[];
  readonly term: number;
  /** P */
  readonly parameters: number;
  readonly workers: number;
  /** Which of the workers it is, from 0; its slice has the same number. */
  readonly worker: number;
  /** Folder; null: connections are plain. */
  readonly credentials: string | null;
  /** Whether vectors go through shared memory, where there is some. */
  readonly sharesMemory: boolean;
  readonly codec: CodecName;
}

export interface Pulled {
  /** [P] */
  readonly parameters: Float32Array;
  /** [S] */
  readonly statistics: Float32Array;
  /** Nobody reads them any more. */
  readonly release: () => void;
}

export interface WorkerLink {
  /** What moves the vectors. */
  readonly transport: string;
  /** The gradient of a step's push, [P], to be written: where the engine of a run writes it. */
  begin(step: number): Float32Array;
  /** [S], to be written before each push. */
  readonly statistics: Float32Array;
  /** Of what is sent and of what comes in a step, where it goes by gRPC. */
  readonly vectorBytes: number;
  /**
   * Rounds the gradient to the codec's values.
   * @throws TrainerError UNAVAILABLE unless the servers keep the push
   */
  push(step: number): Promise<void>;
  pull(version: number): Promise<Pulled>;
}

/** The way that a worker of a run takes. */
export function openLink(plan: LinkPlan): WorkerLink {
  const { addresses, term, workers, worker: slice, credentials: folder } = plan;
  const layout = madeLayout(plan.parameters);
  const credentials = folder === null ? null : openCredentials(folder, 'worker');
  const { codec, sharesMemory } = plan;
  const cuts = cutsFor(madeTraining(workers, codec));
  const gradients = new GradientMemory();
  const options = { credentials, gradients, sharesMemory };
  const servers = new ServerAccess({ layout, cuts, codec, dim: 0 }, options);
  const codings = exchangeCodings(layout, codec);
  servers.connect(addresses, term);
  const { signal } = new AbortController();
  let gradient: Float32Array = new Float32Array(0);
  const statistics = new Float32Array(layout.statisticCount);
  const unit = { slice, slices: 1, stepSlices: workers };
  const identity = { ...unit, generation: 1, workerId: `worker-${slice}`, incarnation: 'bench' };
  return {
    transport: sharesMemory && hostName() !== '' ? 'shared' : 'grpc',
    begin: (step) => {
      // A version a step: none of them was without one.
      servers.beginUnit(step);
      const { parameterCount } = layout;
      gradient = gradients.take(parameterCount) ?? new Float32Array(parameterCount);
      return gradient;
    },
    statistics,
    vectorBytes:
      (codings?.gradients.bytes ?? 4 * layout.parameterCount) +
      (codings?.parameters.bytes ?? 4 * layout.parameterCount) +
      2 * statistics.byteLength,
    push: async (step) => {
      codings?.gradients.round(gradient);
      const what = { step, basedOn: step, samples: SLICE_SAMPLES };
      const { outcome } = await servers.push(
        { ...identity, ...what, gradient, statistics: weighted(statistics, SLICE_SAMPLES) },
        signal,
      );
      gradients.giveBack(gradient);
      if (outcome !== 'staged') throw new Error(`push of step ${step}, slice ${slice}: ${outcome}`);
    },
    pull: async (version) => {
      const named = await servers.pull(version, signal);
      const [parameters, running] = [vectorOf(named, 'parameters'), vectorOf(named, 'statistics')];
      return { parameters, statistics: running, release: () => named.release?.() };
    },
  };
}
