/**
 * The gRPC shell of the sessions of parameter servers: hello and signs of life in, refusal and stop
 * out.
 */
import * as grpc from '@grpc/grpc-js';
import { EXIT, TrainerError, protocolViolation } from '../../src/errors.ts';
import { requireName } from '../../src/rpc/bounds.ts';
import { PROTOCOL_VERSION } from '../../src/rpc/definitions.ts';
import type { ServerHello__Output } from '../../src/rpc/generated/deepcluster/v1/ServerHello.ts';
import type { ServerMessage__Output } from '../../src/rpc/generated/deepcluster/v1/ServerMessage.ts';
import type { ServerOrder } from '../../src/rpc/generated/deepcluster/v1/ServerOrder.ts';
import type { ServerIdentity } from './fleet-state.ts';
import { refuseServers, type RegisteredServers } from './server-fleet.ts';

type Registry = Pick<RegisteredServers, 'join' | 'beat' | 'leave' | 'wantsToLeave'>;
type SessionCall = grpc.ServerDuplexStream<ServerMessage__Output, ServerOrder>;

export class ServerSessions {
  readonly #servers: Registry | null;
  readonly #calls = new Set<SessionCall>();
  /** From then on servers leave because they were told to. */
  #isOver = false;

  /** @param servers where processes register; null where the coordinator has a server of its own */
  constructor(servers: Registry | null) {
    this.#servers = servers;
  }

  open(call: SessionCall): void {
    let identity: ServerIdentity | null = null;
    const leave = (reason: string): void => {
      this.#calls.delete(call);
      if (identity !== null && !this.#isOver) this.#servers?.leave(identity, reason);
    };
    this.#calls.add(call);
    call.on('data', (message: ServerMessage__Output) => {
      try {
        if (message.hello) {
          identity = this.#greet(message.hello);
          // Until it has heard something, the other side keeps all that it has sent, and does not
          // count its session as open.
          call.sendMetadata(new grpc.Metadata());
        } else if (message.beat && identity !== null) this.#servers?.beat(identity);
        else if (message.leaving && identity !== null) {
          this.#servers?.wantsToLeave(identity, () => {
            call.write({ stop: { reason: 'it may leave', exitCode: EXIT.retry } });
            call.end();
          });
        }
      } catch (error) {
        const isKnown = error instanceof TrainerError;
        const reason = isKnown ? error.message : 'the coordinator failed; see its log';
        call.write({ refused: { reason, exitCode: isKnown ? EXIT.invalid : EXIT.failed } });
        call.end();
      }
    });
    call.on('error', () => {
      leave('its connection broke');
    });
    call.on('cancelled', () => {
      leave('its connection broke');
    });
    call.on('end', () => {
      leave('it ended its session');
      call.end();
    });
  }

  /** Tells every server to end with this exit code. */
  stopAll(reason: string, exitCode: number): void {
    this.#isOver = true;
    for (const call of this.#calls) {
      call.write({ stop: { reason, exitCode } });
      call.end();
    }
    this.#calls.clear();
  }

  #greet(hello: ServerHello__Output): ServerIdentity {
    if (hello.protocolVersion !== PROTOCOL_VERSION) {
      throw protocolViolation(
        `parameter server ${hello.part}: protocol version`,
        PROTOCOL_VERSION,
        hello.protocolVersion,
        'run the same release on every process',
      );
    }
    requireName('incarnation of a parameter server', hello.incarnation);
    requireName('address of a parameter server', hello.address.replaceAll(/[[\]:]/g, '.'));
    if (this.#servers === null) refuseServers();
    this.#servers.join(hello);
    return hello;
  }
}
