/**
 * Takes the times: our work and a peer's by turns, A B A B, so that whatever else the machine does meets both alike.
 */
import type { Engine } from '../src/engine/engine.ts';
import { messageOf } from '../src/errors.ts';
import { startPeer, type Peer, type PeerWork } from './peer.ts';
import { rowOf, type PeerTimes, type Quantity, type Row } from './rows.ts';

/** One row to measure. */
export interface Case {
  readonly name: string;
  readonly quantity: Quantity;
  /** Makes everything ready that is not to be timed. */
  prepare(): Prepared | Promise<Prepared>;
  /** Whether the engine's matrix product sets its limit. */
  readonly isGemmLimited: boolean;
}

/** One that an engine computes, which is started later. */
export interface EngineCase extends Omit<Case, 'prepare'> {
  prepare(engine: Engine): Prepared;
}

export interface Prepared {
  /** Does the work once. */
  run(): void | Promise<void>;
  /** Says what the peer is to do, and lays out its data; called only where there is a peer. */
  peerWork?(): PeerWork;
  dispose(): void | Promise<void>;
}

export interface MeasureOptions {
  /** Counted runs of each side. */
  readonly runs: number;
  /** One uncounted call before the runs, and no more than one in each. */
  readonly isQuick: boolean;
  /** Starts the peer of this suite; null where peers were not asked for. */
  readonly startPeer: (() => ReturnType<typeof startPeer>) | null;
  /** GFLOPS of a large matrix product on our engine; measured again for each row, since a shared machine changes. */
  readonly measureGemm: () => number;
  /** A line for a person. */
  readonly onProgress: (text: string) => void;
}

/** A run shorter than this is repeated within the time that is taken [s]. */
const LEAST_SECONDS = 0.5;
const NO_PEER = 'no peer does this work';

export async function measureCases(
  cases: readonly Case[],
  options: MeasureOptions,
): Promise<Row[]> {
  const peer = (await options.startPeer?.()) ?? null;
  try {
    const rows: Row[] = [];
    for (const item of cases) {
      options.onProgress(item.name);
      rows.push(await measureCase(item, peer, options));
    }
    return rows;
  } finally {
    if (peer !== null && 'close' in peer) peer.close();
  }
}

type PeerOrReason = Peer | { readonly missing: string } | null;

async function measureCase(
  item: Case,
  peer: PeerOrReason,
  { runs, isQuick, measureGemm, onProgress }: MeasureOptions,
): Promise<Row> {
  const { name, quantity } = item;
  const prepared = await item.prepare();
  try {
    const ours = await repeated(async (repeats) => secondsOf(prepared, repeats), isQuick);
    const other = await comparedPeer(peer, prepared, isQuick);
    const seconds: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      seconds.push(await ours());
      await other?.run();
      onProgress(`${name}: run ${run + 1} of ${runs}, ${seconds.at(-1)!.toPrecision(3)} s`);
    }
    const gemmGflops = item.isGemmLimited ? measureGemm() : null;
    return rowOf({ name, quantity, seconds, peer: other?.outcome() ?? null, gemmGflops });
  } finally {
    await prepared.dispose();
  }
}

async function secondsOf(prepared: Prepared, repeats: number): Promise<number> {
  const startMs = performance.now();
  for (let i = 0; i < repeats; i += 1) await prepared.run();
  return (performance.now() - startMs) / 1000;
}

/** Warms up, and finds how often the work fits into a run. @returns seconds of one time the work, taken over a run */
async function repeated(
  timed: (repeats: number) => Promise<number>,
  isQuick: boolean,
): Promise<() => Promise<number>> {
  let repeats = 1;
  const first = await timed(1);
  // The second time is the one to go by: the first one compiles, and fills caches.
  if (!isQuick && first < 10 * LEAST_SECONDS) {
    repeats = Math.max(1, Math.ceil(LEAST_SECONDS / (await timed(1))));
  }
  return async () => (await timed(repeats)) / repeats;
}

interface ComparedPeer {
  /** Takes one more time; one that fails leaves the row without a peer. */
  run(): Promise<void>;
  outcome(): PeerTimes | { readonly missing: string };
}

async function comparedPeer(
  peer: PeerOrReason,
  prepared: Prepared,
  isQuick: boolean,
): Promise<ComparedPeer | null> {
  if (peer === null) return null;
  if ('missing' in peer) return withoutPeer(peer.missing);
  const seconds: number[] = [];
  let missing: string | null = null;
  try {
    const work = prepared.peerWork?.();
    if (work === undefined) return withoutPeer(NO_PEER);
    const name = await peer.prepare({ ...work, isQuick });
    const timed = await repeated((repeats) => peer.run(repeats), isQuick);
    return {
      run: async () => {
        if (missing !== null) return;
        try {
          seconds.push(await timed());
        } catch (error) {
          missing = messageOf(error);
        }
      },
      outcome: () => (missing === null ? { name, seconds } : { missing }),
    };
  } catch (error) {
    return withoutPeer(messageOf(error));
  }
}

function withoutPeer(missing: string): ComparedPeer {
  return { run: () => Promise.resolve(), outcome: () => ({ missing }) };
}
