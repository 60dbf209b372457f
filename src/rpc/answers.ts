/**
 * How a server answers gRPC calls: a unary reply, an upload fed to a receiver, a download with
 * backpressure.
 */
import type * as grpc from '@grpc/grpc-js';
import { sendAll } from './calls.ts';
import { toServiceError } from './status.ts';

/** Takes a stream of messages and makes one reply of it. */
export interface Receiver<Message, Reply> {
  add(message: Message): void;
  finish(): Reply;
}

/** Feeds an upload to its receiver; the first failure is the answer and the rest is not read. */
export function receive<Message, Reply>(
  call: grpc.ServerReadableStream<Message, Reply>,
  receiver: Receiver<Message, Reply>,
  callback: grpc.sendUnaryData<Reply>,
): void {
  let isAnswered = false;
  const reply = (make: () => Reply | null): void => {
    if (isAnswered) return;
    try {
      const value = make();
      if (value === null) return;
      isAnswered = true;
      callback(null, value);
    } catch (error) {
      isAnswered = true;
      callback(toServiceError(error));
    }
  };
  call.on('data', (message: Message) => {
    reply(() => {
      receiver.add(message);
      return null;
    });
  });
  call.on('end', () => {
    reply(() => receiver.finish());
  });
  call.on('error', () => {
    isAnswered = true;
  });
}

/** One reply, or the failure to make it. */
export function answer<Reply>(callback: grpc.sendUnaryData<Reply>, make: () => Reply): void {
  try {
    callback(null, make());
  } catch (error) {
    callback(toServiceError(error));
  }
}

/** Sends a download, or the failure to make it. */
export async function download<Response>(
  call: grpc.ServerWritableStream<unknown, Response>,
  messages: () => Iterable<Response>,
): Promise<void> {
  try {
    await sendAll(call, messages());
  } catch (error) {
    // Not destroy(): a destroyed call sends no status, and the client waits until its deadline.
    call.emit('error', toServiceError(error));
  }
}
