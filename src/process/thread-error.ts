/**
 * Errors on their way between threads: a structured clone keeps neither their class nor their code.
 */
import { TrainerError, messageOf, type ErrorCode, type ErrorDetails } from '../errors.ts';

/** An error as a message can hold it. */
export interface SentError {
  /** Null: it was no TrainerError. */
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly details: ErrorDetails;
}

export function sentError(error: unknown): SentError {
  const message = messageOf(error);
  if (!(error instanceof TrainerError)) return { code: null, message, details: {} };
  return { code: error.code, message, details: error.details };
}

/** The error that a message holds, of the same class and code as where it was thrown. */
export function receivedError({ code, message, details }: SentError): Error {
  return code === null ? new Error(message) : new TrainerError(code, message, details);
}
