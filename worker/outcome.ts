/** What an order came to, before it is sent, and whether that is trouble. */
import type { NamedArrays } from '../src/arrays/safetensors.ts';
import type { ResultHeader } from '../src/rpc/generated/deepcluster/v1/ResultHeader.ts';

/** The part of a result that the work itself fills, or why it could not be done. */
export interface Outcome {
  readonly header?: Pick<
    ResultHeader,
    'samples' | 'lossSum' | 'unreadable' | 'damaged' | 'repeatedPush' | 'failure'
  >;
  readonly arrays?: NamedArrays;
}

/**
 * Whether an order ended in vain because it counts no more, which is part of every run: another
 * worker's copy of the slice came first, the lease went to another, or the term is over. The
 * coordinator counts such orders, and says when they pile up.
 */
export function isOvertaken(code: string): boolean {
  return code === 'GENERATION_FENCED' || code === 'LEASE_LOST';
}
