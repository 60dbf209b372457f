/** Orders as they arrive at a worker. */
import type { Order__Output } from '../../../src/rpc/generated/deepcluster/v1/Order.ts';
import type { Work, WorkKind } from '../../../src/work/kind.ts';
import type { OrderIds } from '../../../src/work/tools.ts';

export function orderMessage<Order>(
  kind: WorkKind<Work, Order>,
  content: Order,
  ids: Partial<OrderIds> = {},
): Order__Output {
  const body = Buffer.from(kind.encodeOrder(content));
  const all = { leaseId: 'a', generation: 1, epoch: 0, parameterVersion: 0, clustering: 0, ...ids };
  return { ...all, kind: kind.name, body };
}
