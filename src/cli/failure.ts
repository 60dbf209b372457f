/** A command that ends because a process it started did, with that process's exit code. */
export class ProcessFailure extends Error {
  override readonly name = 'ProcessFailure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
