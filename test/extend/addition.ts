/** Something that is added to the program as a person would add it: new files, and lines of registries. */
export interface Addition {
  /** As the output names it. */
  readonly name: string;
  /** Text of each new file, by its path. */
  readonly files: Readonly<Record<string, string>>;
  /** Lines that go behind the only line with such a text. */
  readonly lines: readonly {
    readonly file: string;
    readonly behind: string;
    readonly line: string;
  }[];
  /** A module's text, run in the copy's root: it ends well, and its last line of output tells what it saw. */
  readonly trial: string;
}
