/**
 * TrainerError codes on the wire: the one place that maps them to gRPC statuses and back, and says
 * which are retried. The code itself travels in the trailing metadata, so that a peer switches on
 * it and never on a message's text.
 */
import * as grpc from '@grpc/grpc-js';
import { TrainerError, messageOf, type ErrorCode } from '../errors.ts';

const CODE_KEY = 'dc-code';

const STATUS_OF: Readonly<Record<ErrorCode, grpc.status>> = {
  CONFIG_INVALID: grpc.status.INVALID_ARGUMENT,
  SHAPE_MISMATCH: grpc.status.INVALID_ARGUMENT,
  NON_FINITE: grpc.status.INVALID_ARGUMENT,
  LEASE_LOST: grpc.status.ABORTED,
  GENERATION_FENCED: grpc.status.ABORTED,
  PROTOCOL_VIOLATION: grpc.status.FAILED_PRECONDITION,
  CHECKPOINT_CORRUPT: grpc.status.DATA_LOSS,
  DATA_UNREADABLE: grpc.status.FAILED_PRECONDITION,
  ENGINE_UNAVAILABLE: grpc.status.FAILED_PRECONDITION,
  FOLDER_HELD: grpc.status.ABORTED,
  UNAVAILABLE: grpc.status.UNAVAILABLE,
  INTERNAL: grpc.status.INTERNAL,
};

/**
 * gRPC's own failures that mean "not now": the peer restarts, the network broke, the deadline
 * passed. A token that is not taken belongs to them: a new one may be on its way to this process's
 * credentials.
 */
const TRANSIENT: ReadonlySet<grpc.status> = new Set([
  grpc.status.UNAVAILABLE,
  grpc.status.DEADLINE_EXCEEDED,
  grpc.status.CANCELLED,
  grpc.status.RESOURCE_EXHAUSTED,
  grpc.status.UNAUTHENTICATED,
]);

/** Longer details would not fit the trailers, and tell no more. */
const MAX_DETAILS = 2_000;

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(STATUS_OF, code);
}

/** The code that a peer names; one that is not known here is none of its own. */
export function errorCodeOf(code: string): ErrorCode {
  return isErrorCode(code) ? code : 'INTERNAL';
}

/** What a service answers for anything thrown in a handler. */
export function toServiceError(
  error: unknown,
): Partial<grpc.StatusObject> & { name: string; message: string } {
  const message = messageOf(error).slice(0, MAX_DETAILS);
  const metadata = new grpc.Metadata();
  if (!(error instanceof TrainerError)) {
    return { name: 'Error', message, code: grpc.status.INTERNAL, details: message, metadata };
  }
  metadata.set(CODE_KEY, error.code);
  return { name: error.name, message, code: STATUS_OF[error.code], details: message, metadata };
}

/** What a client throws for a failed call named `what`. */
export function fromServiceError(what: string, error: unknown): TrainerError {
  if (error instanceof TrainerError) return error;
  const failure = error as Partial<grpc.ServiceError>;
  const sent = failure.metadata?.get(CODE_KEY)[0];
  const details = detailsOf(error);
  if (typeof sent === 'string' && isErrorCode(sent)) {
    return new TrainerError(sent, details, { what }, { cause: error });
  }
  const isTransient = failure.code !== undefined && TRANSIENT.has(failure.code);
  return new TrainerError(
    isTransient ? 'UNAVAILABLE' : 'PROTOCOL_VIOLATION',
    `${what}: ${details}`,
    { what, status: failure.code },
    { cause: error },
  );
}

/** Why a call failed, without the name of its status before it. */
export function detailsOf(error: unknown): string {
  return (error as Partial<grpc.ServiceError>).details ?? messageOf(error);
}

/**
 * Whether the same call may be made again: every call that changes state carries its identity, so
 * that it is safe.
 */
export function isRetryable(error: unknown): boolean {
  return error instanceof TrainerError && error.code === 'UNAVAILABLE';
}

/**
 * Whether a call was refused for the role in its credentials: they stay those, no new connection
 * will mend that.
 */
export function isWrongRole(error: unknown): boolean {
  return (error as Partial<grpc.ServiceError>).code === grpc.status.PERMISSION_DENIED;
}
