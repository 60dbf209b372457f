/** Commands as messages print them: to be copied to a shell as they stand. */

/** A word of a command line, in quotes where a shell would take it apart. */
export function shellWord(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export interface ResumeOptions {
  /** The processes' certificates and tokens; left out or null: connections are plain. */
  readonly credentials?: string | null | undefined;
  /** By dotted key. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** The command that goes on with the run in a folder. */
export function resumeCommand(
  out: string,
  { credentials, settings = {} }: ResumeOptions = {},
): string {
  const words = ['deepcluster', 'launch', '--resume', '--out', out];
  if (typeof credentials === 'string') words.push('--credentials', credentials);
  for (const [key, value] of Object.entries(settings)) words.push('--set', `${key}=${value}`);
  return words.map(shellWord).join(' ');
}
