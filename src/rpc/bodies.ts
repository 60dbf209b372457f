/**
 * Messages that travel as bytes within another message: bodies of orders, each as its kind of work
 * encodes it.
 */
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { messageOf, protocolViolation } from '../errors.ts';

export function encodeBody<Message>(
  type: MessageTypeDefinition<Message, unknown>,
  message: Message,
): Uint8Array {
  return type.serialize(message);
}

/** @throws TrainerError PROTOCOL_VIOLATION for bytes that are no such message */
export function decodeBody<Message>(
  what: string,
  type: MessageTypeDefinition<never, Message>,
  body: Uint8Array,
): Message {
  try {
    return type.deserialize(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  } catch (error) {
    throw protocolViolation(
      `body of ${what}`,
      'a message of this release',
      `${body.length} bytes that are none (${messageOf(error)})`,
      'run the same release on every process',
    );
  }
}
