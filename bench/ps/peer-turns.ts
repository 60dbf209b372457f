/**
 * The peer's side of `deepcluster bench ps`: gloo's all-reduce in two types, by turns with ours.
 */
import { messageOf } from '../../src/errors.ts';
import { startPeer, type Peer } from '../peer.ts';
import type { PeerOutcome, PeerOutcomes } from './ps-rows.ts';

type PeerOrReason = Peer | { readonly missing: string };

/** Each of its ranks computes on one thread. */
export function startGloo(
  python: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<PeerOrReason> {
  return startPeer({ script: 'gloo.py', python, threads: 1, env });
}

/** The peer in both of its types, a turn each; one that fails leaves its row without it. */
export class PeerTurns {
  readonly #peer: PeerOrReason;
  readonly #work: { readonly parameters: number; readonly ranks: number };
  readonly #outcomes: Record<keyof PeerOutcomes, PeerOutcome>;

  constructor(peer: PeerOrReason, work: { readonly parameters: number; readonly ranks: number }) {
    this.#peer = peer;
    this.#work = work;
    const begin = (): PeerOutcome => ('missing' in peer ? peer : { name: '', seconds: [] });
    this.#outcomes = { float32: begin(), bf16: begin() };
  }

  async run(isCounted: boolean): Promise<void> {
    for (const dtype of ['float32', 'bf16'] as const) {
      const before = this.#outcomes[dtype];
      if ('missing' in before || 'missing' in this.#peer) continue;
      try {
        const name = await this.#peer.prepare({ ...this.#work, dtype });
        const seconds = await this.#peer.run(1);
        const counted = isCounted ? [...before.seconds, seconds] : before.seconds;
        this.#outcomes[dtype] = { name, seconds: counted };
      } catch (error) {
        this.#outcomes[dtype] = { missing: messageOf(error) };
      }
    }
  }

  outcomes(): PeerOutcomes {
    return this.#outcomes;
  }

  close(): void {
    if ('close' in this.#peer) this.#peer.close();
  }
}
