/** Work on several data shards by one order, whose results are folded into one (kind.ts). */
import type { ResidentShard, WorkTools } from './tools.ts';

/**
 * Works on shard after shard. Between two of them this thread takes what has come meanwhile, and
 * the order ends where it counts no more: it may be as long as a step of the clustering.
 * @throws TrainerError GENERATION_FENCED
 */
export async function forEachInTurn(
  residents: readonly ResidentShard[],
  { nextTurn, requireOrder }: Pick<WorkTools, 'nextTurn' | 'requireOrder'>,
  work: (resident: ResidentShard) => void,
): Promise<void> {
  let isFirst = true;
  for (const resident of residents) {
    if (!isFirst) {
      await nextTurn();
      requireOrder();
    }
    isFirst = false;
    work(resident);
  }
}
