/**
 * The form of a measurement, which is a contract: what `deepcluster bench … --json` prints, and the arithmetic behind it.
 * A ratio above 1 means that ours is better, and a share of a limit below 1 that there is room, whatever the unit.
 */

/** A rate, where more is better, or times, where less is. */
export type Unit = 'images/s' | 's' | 'ms';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Counted runs. */
  readonly runs: number;
}

export interface Row {
  /** `train/alexnet-bn/step/b64` */
  readonly name: string;
  readonly unit: Unit;
  readonly ours: Spread;
  /** With the settings that it ran with: `PyTorch 2.5.1, 2 threads, channels_last`. */
  readonly peer?: Spread & { readonly name: string };
  /** Ours to the peer, by medians. */
  readonly ratio?: number;
  /** Why there is no peer although peers were asked for. */
  readonly peerMissing?: string;
  /** 10^9 floating-point operations a second at our median; a multiply-add counts as two. */
  readonly gflops?: number;
  /**
   * `gemm`: the figure this row would have if all its operations ran as fast as a large matrix product does on this engine;
   * `budget`: what it may take.
   */
  readonly limit?: { readonly name: 'gemm' | 'budget'; readonly value: number };
  readonly shareOfLimit?: number;
}

/** What a run of a row does, apart from the time it takes. */
export interface Quantity {
  readonly unit: Unit;
  /** Images that a run goes through; 1 where the unit is a second. */
  readonly images: number;
  /** Floating-point operations of a run; null where they are not counted. */
  readonly flops: number | null;
}

export interface Measured {
  readonly name: string;
  readonly quantity: Quantity;
  /** Seconds of each of our runs. */
  readonly seconds: readonly number[];
  /** What a peer needed for the same, or why there is none; null if peers were not asked for. */
  readonly peer: PeerTimes | { readonly missing: string } | null;
  /** GFLOPS of a large matrix product on our engine, measured beside the runs; null where it sets no limit. */
  readonly gemmGflops: number | null;
}

export interface PeerTimes {
  readonly name: string;
  readonly seconds: readonly number[];
}

export function rowOf({ name, quantity, seconds, peer, gemmGflops }: Measured): Row {
  const ours = spreadOf(valuesOf(seconds, quantity));
  return {
    name,
    unit: quantity.unit,
    ours,
    ...comparisonOf(ours, quantity, peer),
    ...limitOf(ours, quantity, gemmGflops),
  };
}

/** How much better ours is: above 1 for a higher rate or a shorter time. */
export function advantage(unit: Unit, ours: number, other: number): number {
  return unit === 'images/s' ? ours / other : other / ours;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)!, runs: sorted.length };
}

function valuesOf(seconds: readonly number[], { unit, images }: Quantity): number[] {
  return seconds.map((time) => (unit === 's' ? time : images / time));
}

function comparisonOf(
  ours: Spread,
  quantity: Quantity,
  peer: Measured['peer'],
): Pick<Row, 'peer' | 'ratio' | 'peerMissing'> {
  if (peer === null) return {};
  if ('missing' in peer) return { peerMissing: peer.missing };
  const spread = spreadOf(valuesOf(peer.seconds, quantity));
  return {
    peer: { name: peer.name, ...spread },
    ratio: advantage(quantity.unit, ours.median, spread.median),
  };
}

function limitOf(
  { median }: Spread,
  { unit, images, flops }: Quantity,
  gemmGflops: number | null,
): Pick<Row, 'gflops' | 'limit' | 'shareOfLimit'> {
  if (flops === null) return {};
  const seconds = unit === 's' ? median : images / median;
  const gflops = flops / seconds / 1e9;
  if (gemmGflops === null) return { gflops };
  const secondsAtPeak = flops / (gemmGflops * 1e9);
  const value = unit === 's' ? secondsAtPeak : images / secondsAtPeak;
  return { gflops, limit: { name: 'gemm', value }, shareOfLimit: gflops / gemmGflops };
}
