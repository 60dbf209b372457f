/** What stands in the way of the setup: one line that says what and the remedy, and whether trying again may help. */

/** As src/errors.ts has them for the program: this runs before there is TypeScript. */
export const EXIT = { done: 0, usage: 2, invalid: 42, retry: 75 };

export class Obstacle extends Error {
  /**
   * @param what what is missing or went wrong, without a full stop
   * @param remedy what a person does about it
   * @param exitCode EXIT.invalid where no retry helps, EXIT.retry where one may
   */
  constructor(what, remedy, exitCode = EXIT.invalid) {
    super(`${what}; ${remedy}`);
    this.what = what;
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** Several at once, so that a person can mend them in one go. */
export class Obstacles extends Error {
  constructor(obstacles) {
    super(obstacles.map(({ message }) => message).join('\n'));
    this.obstacles = obstacles;
  }
}
