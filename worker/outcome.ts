/** What an order came to, before it is sent. */
import type { NamedArrays } from '../src/checkpoint/safetensors.ts';
import type { ResultHeader } from '../src/rpc/generated/deepcluster/v1/ResultHeader.ts';

/** The part of a result that the work itself fills, or why it could not be done. */
export interface Outcome {
  readonly header?: Pick<
    ResultHeader,
    'samples' | 'lossSum' | 'unreadable' | 'damaged' | 'repeatedPush' | 'failure'
  >;
  readonly arrays?: NamedArrays;
}
