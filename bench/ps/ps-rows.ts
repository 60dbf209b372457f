/** The rows of `deepcluster bench ps`: medians with least and most, and what stands beside them. */
import { advantage, spreadOf, type PeerTimes, type Row, type Spread } from '../rows.ts';
import type { CodecName } from '../../src/ps/codec/codec-name.ts';
import type { Exchange } from './coordinator-process.ts';

/** What was run, for the names of rows. */
export interface PsShape {
  /** P */
  readonly parameters: number;
  readonly workers: number;
  /** 0: a thread inside the coordinating process. */
  readonly servers: number;
  readonly transport: string;
  readonly isSecure: boolean;
  readonly codec: CodecName;
}

/** A peer's times, or why there are none. */
export type PeerOutcome = PeerTimes | { readonly missing: string };

export interface PeerOutcomes {
  readonly float32: PeerOutcome;
  readonly bf16: PeerOutcome;
}

/** `ps/61M/w2/s0/grpc+tls`, with another codec than float32 `ps/61M/w2/s0/grpc+tls/int8` */
export function shapeName(shape: PsShape): string {
  const { parameters, workers, servers, transport, isSecure, codec } = shape;
  const way = `${transport}${isSecure ? '+tls' : ''}`;
  return `ps/${sizeName(parameters)}/w${workers}/s${servers}/${way}${codec === 'float32' ? '' : `/${codec}`}`;
}

/**
 * @param exchanges counted ones; of several servers or workers each use counts
 * @param peers null where none were asked for
 */
export function rowsOf(
  shape: PsShape,
  exchanges: readonly Exchange[],
  peers: PeerOutcomes | null,
): Row[] {
  const partMs = (part: keyof Exchange['seconds']): number[] =>
    exchanges.map(({ seconds }) => 1000 * seconds[part]);
  const servers = exchanges.flatMap((exchange) => exchange.servers);
  const workers = exchanges.flatMap((exchange) => exchange.workers);
  const figures: readonly Figure[] = [
    ['push', 'ms', partMs('push')],
    ['commit', 'ms', partMs('commit')],
    ['pull', 'ms', partMs('pull')],
    ['cpu-server', 's', servers.map((use) => use.cpuSeconds)],
    ['server-block', 'ms', servers.map(({ blockMs }) => blockMs)],
    ['cpu-worker', 's', workers.map((use) => use.cpuSeconds)],
    [
      shape.servers === 0 ? 'cpu-coordinator-with-server' : 'cpu-coordinator',
      's',
      exchanges.map(({ coordinatorCpuSeconds }) => coordinatorCpuSeconds),
    ],
  ];
  const known = figures.filter(([, , values]) => values.length > 0);
  return [
    ...exchangeRows(`${shapeName(shape)}/exchange`, spreadOf(partMs('exchange')), peers),
    ...known.map(([what, unit, values]) => ({
      name: `${shapeName(shape)}/${what}`,
      unit,
      ours: spreadOf(values),
    })),
  ];
}

/** What a row is of, and the values that it has; none where nothing can be told. */
type Figure = readonly [what: string, unit: Row['unit'], values: readonly number[]];

/** One row, or one for each type of the peer. */
function exchangeRows(name: string, ours: Spread, peers: PeerOutcomes | null): Row[] {
  const whole = { name, unit: 'ms', ours } as const;
  if (peers === null) return [whole];
  return [
    { ...whole, ...comparisonOf(ours, peers.float32) },
    { ...whole, name: `${name}-beside-bf16`, ...comparisonOf(ours, peers.bf16) },
  ];
}

function comparisonOf(
  ours: Spread,
  peer: PeerOutcome,
): Pick<Row, 'peer' | 'ratio' | 'peerMissing'> {
  if ('missing' in peer) return { peerMissing: peer.missing };
  const spread = spreadOf(peer.seconds.map((seconds) => 1000 * seconds));
  return {
    peer: { name: peer.name, ...spread },
    ratio: advantage('ms', ours.median, spread.median),
  };
}

/** `61M`, `1.5M`, `4096` */
export function sizeName(parameters: number): string {
  return parameters >= 1e5 && parameters % 1e4 === 0 ? `${parameters / 1e6}M` : `${parameters}`;
}
