/** How a command ends that did not do what it was asked. */
import { exitCodeOf } from '../errors.ts';

/** A command that ends because a process it started did, with that process's exit code. */
export class ProcessFailure extends Error {
  override readonly name = 'ProcessFailure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The exit code of a command that ends by this. */
export function exitCodeOfFailure(error: unknown): number {
  return error instanceof ProcessFailure ? error.exitCode : exitCodeOf(error);
}
