/** Orders and results as a peer reads them: through the wire's own bytes. */
import { decodeSafetensors, encodeSafetensors } from '../../../src/arrays/safetensors.ts';
import { wire } from '../../../src/rpc/definitions.ts';
import type { Order, Order__Output } from '../../../src/rpc/generated/deepcluster/v1/Order.ts';
import type {
  ResultHeader,
  ResultHeader__Output,
} from '../../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { NamedArrays } from '../../../src/arrays/safetensors.ts';

export function throughWire(order: Order): Order__Output {
  return wire.Order.deserialize(wire.Order.serialize(order));
}

export function receivedResult(
  header: ResultHeader,
  arrays: NamedArrays = {},
): { readonly header: ResultHeader__Output; readonly arrays: NamedArrays } {
  const context = { what: 'result', code: 'PROTOCOL_VIOLATION' } as const;
  return {
    header: wire.ResultHeader.deserialize(wire.ResultHeader.serialize(header)),
    arrays: decodeSafetensors(encodeSafetensors(arrays), context).arrays,
  };
}
