/** The rows of `deepcluster bench ps`: medians with least and most, and what stands beside them. */
import { advantage, spreadOf, type PeerTimes, type Row, type Spread } from '../rows.ts';
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
}

/** A peer's times, or why there are none. */
export type PeerOutcome = PeerTimes | { readonly missing: string };

export interface PeerOutcomes {
  readonly float32: PeerOutcome;
  readonly bf16: PeerOutcome;
}

/** `ps/61M/w2/s0/grpc+tls` */
export function shapeName(shape: PsShape): string {
  const { parameters, workers, servers, transport, isSecure } = shape;
  const way = `${transport}${isSecure ? '+tls' : ''}`;
  return `ps/${sizeName(parameters)}/w${workers}/s${servers}/${way}`;
}

/** @param exchanges counted ones; @param peers null where none were asked for */
export function rowsOf(
  shape: PsShape,
  exchanges: readonly Exchange[],
  peers: PeerOutcomes | null,
): Row[] {
  const name = shapeName(shape);
  const row = (what: string, unit: Row['unit'], values: readonly number[]): Row => ({
    name: `${name}/${what}`,
    unit,
    ours: spreadOf(values),
  });
  const ms = (what: keyof Exchange['seconds']): Row =>
    row(
      what,
      'ms',
      exchanges.map(({ seconds }) => 1000 * seconds[what]),
    );
  const whole = ms('exchange');
  const servers = exchanges.flatMap((exchange) => exchange.servers);
  const workers = exchanges.flatMap((exchange) => exchange.workers);
  const coordinator = exchanges.map(({ coordinatorCpuSeconds }) => coordinatorCpuSeconds);
  const coordinatorName = shape.servers === 0 ? 'cpu-coordinator-with-server' : 'cpu-coordinator';
  return [
    peers === null ? whole : { ...whole, ...comparisonOf(whole.ours, peers.float32) },
    ...(peers === null
      ? []
      : [
          {
            ...whole,
            name: `${name}/exchange-beside-bf16`,
            ...comparisonOf(whole.ours, peers.bf16),
          },
        ]),
    ...(['push', 'commit', 'pull'] as const).map(ms),
    ...(servers.length === 0
      ? []
      : [
          row(
            'cpu-server',
            's',
            servers.map((use) => use.cpuSeconds),
          ),
          row(
            'server-block',
            'ms',
            servers.map((use) => use.blockMs),
          ),
        ]),
    row(
      'cpu-worker',
      's',
      workers.map((use) => use.cpuSeconds),
    ),
    row(coordinatorName, 's', coordinator),
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
