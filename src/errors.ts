/**
 * TrainerError: the one error class of the project, its closed set of codes, and the factories that
 * word each message once. A message says what, expected, got, where, and the remedy if there is
 * one.
 */

export type ErrorCode =
  | 'CONFIG_INVALID'
  | 'SHAPE_MISMATCH'
  | 'NON_FINITE'
  | 'LEASE_LOST'
  | 'GENERATION_FENCED'
  | 'PROTOCOL_VIOLATION'
  | 'CHECKPOINT_CORRUPT'
  | 'DATA_UNREADABLE'
  | 'ENGINE_UNAVAILABLE'
  | 'FOLDER_HELD'
  | 'UNAVAILABLE'
  /** A defect, of whatever kind: an error that nobody foresaw. */
  | 'INTERNAL';

export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * One line, free of control characters and of a length that is read: names and values from outside
 * are part of it.
 */
export class TrainerError extends Error {
  override readonly name = 'TrainerError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
    options?: { cause?: unknown },
  ) {
    super(lineOf(message), options);
    this.code = code;
    this.details = details;
  }
}

/**
 * Exit codes of every command (docs/unattended.md): whether a retry helps is part of the contract.
 */
export const EXIT = { done: 0, failed: 1, usage: 2, invalid: 42, retry: 75 } as const;

/** Codes that no retry will mend: the configuration, the data or the program must change first. */
const INVALID: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CONFIG_INVALID',
  'SHAPE_MISMATCH',
  'PROTOCOL_VIOLATION',
  'CHECKPOINT_CORRUPT',
  'DATA_UNREADABLE',
  'ENGINE_UNAVAILABLE',
]);

/** Codes of what may be otherwise the next time. */
const RETRIED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['UNAVAILABLE', 'FOLDER_HELD']);

/** Exit code for an error that ends a process. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof TrainerError)) return EXIT.failed;
  if (RETRIED.has(error.code)) return EXIT.retry;
  return INVALID.has(error.code) ? EXIT.invalid : EXIT.failed;
}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  return lineOf(error instanceof Error ? error.message : String(error));
}

/**
 * Characters of a message that are kept; it travels in a header of gRPC, too, where some 8 KiB have
 * room.
 */
const MAX_MESSAGE = 1_500;

function lineOf(text: string): string {
  const start = text.slice(0, 2 * MAX_MESSAGE);
  const line = start.replaceAll(/\s*\n\s*/g, ' ').replaceAll(/\p{Cc}/gu, '\u{FFFD}');
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}…` : line;
}

/** Characters of a value that are shown. */
const MAX_VALUE = 200;

/** A value from outside in a message: as JSON, if it can be, and its beginning, if it is long. */
function excerptOf(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify([value]).slice(1, -1);
  } catch {
    text = 'what JSON cannot hold';
  }
  return shortened(text);
}

function shortened(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

/** `pushed gradient: expected shape [4096], got [4095]` */
export function shapeMismatch(
  what: string,
  expected: readonly (number | string)[],
  got: readonly (number | string)[],
): TrainerError {
  return new TrainerError(
    'SHAPE_MISMATCH',
    `${what}: expected shape [${expected.join(', ')}], got [${got.join(', ')}]`,
    { what, expected, got },
  );
}

/** `config training.batchSize: must be a positive integer, got 0 (from --training.batch-size)` */
export function configInvalid(
  key: string,
  rule: string,
  got: unknown,
  origin?: string,
): TrainerError {
  const from = origin === undefined ? '' : ` (from ${origin})`;
  return new TrainerError(
    'CONFIG_INVALID',
    `config ${shortened(key)}: ${rule}, got ${got === undefined ? 'nothing' : excerptOf(got)}${from}`,
    { key, rule, got, origin },
  );
}

/**
 * Faults of one configuration that are told of at the most: the rest follows once these are mended.
 */
export const MAX_FAULTS = 20;

/**
 * One error for all faults that were found at once: its message has them one after the other,
 * {@link linesOf} a line each.
 * @param faults at least one
 */
export function withAllFaults(faults: readonly TrainerError[]): TrainerError {
  const [first] = faults;
  if (first !== undefined && faults.length === 1) return first;
  const lines = faults.slice(0, MAX_FAULTS).map(({ message }) => message);
  if (faults.length > lines.length) lines.push('and more');
  const message = lines.join('; ');
  return new TrainerError(first?.code ?? 'CONFIG_INVALID', message, { faults: lines });
}

/** What to print of anything thrown: a line for each of its faults. */
export function linesOf(error: unknown): readonly string[] {
  const faults = error instanceof TrainerError ? error.details['faults'] : undefined;
  return Array.isArray(faults) ? (faults as readonly string[]) : [messageOf(error)];
}

/** `loss of step 12, slice 1: expected finite numbers, got NaN; remedy` */
export function nonFinite(what: string, got: number, remedy: string): TrainerError {
  return new TrainerError('NON_FINITE', `${what}: expected finite numbers, got ${got}; ${remedy}`, {
    what,
    got,
  });
}

/** `data runs/pets: expected at least one image, found none; remedy` */
export function dataUnreadable(
  where: string,
  problem: string,
  remedy: string,
  cause?: unknown,
): TrainerError {
  return new TrainerError(
    'DATA_UNREADABLE',
    `data ${where}: ${problem}; ${remedy}`,
    { where, problem },
    cause === undefined ? undefined : { cause },
  );
}

/**
 * The same where the images may come yet: their place, or the share that it is on, is not there or
 * empty.
 */
export function dataAbsent(
  where: string,
  problem: string,
  remedy: string,
  cause?: unknown,
): TrainerError {
  const { code, message, details } = dataUnreadable(where, problem, remedy);
  const options = cause === undefined ? undefined : { cause };
  return new TrainerError(code, message, { ...details, isAbsent: true }, options);
}

/**
 * `checkpoint checkpoints/step-40: parameters.safetensors has sha256 ab…, the manifest says cd…`
 */
export function checkpointCorrupt(where: string, problem: string, cause?: unknown): TrainerError {
  return new TrainerError(
    'CHECKPOINT_CORRUPT',
    `checkpoint ${where}: ${problem}`,
    { where, problem },
    cause === undefined ? undefined : { cause },
  );
}

/** A peer that speaks another protocol, another layout, or out of turn. */
export function protocolViolation(
  what: string,
  expected: unknown,
  got: unknown,
  remedy: string,
): TrainerError {
  return new TrainerError(
    'PROTOCOL_VIOLATION',
    `${what}: expected ${String(expected)}, got ${String(got)}; ${remedy}`,
    { what, expected, got },
  );
}

/** A peer that is gone or not there yet; trying again later may help. */
export function unavailable(what: string, problem: string, cause?: unknown): TrainerError {
  return new TrainerError(
    'UNAVAILABLE',
    `${what}: ${problem}`,
    { what },
    cause === undefined ? undefined : { cause },
  );
}

/** Who has a run's folder, as far as it can be told. */
export interface FolderHolder {
  readonly holder: {
    readonly host: string;
    readonly pid: number;
    readonly launcher: number | null;
    readonly since: string;
  } | null;
  readonly term: number;
}

/**
 * `run folder runs/a: held since 2026-01-31T23:59:59Z by process 123 on host a (term 4); remedy`
 * @param lostTerm of this process, where the folder was taken from it
 */
export function folderHeld(
  folder: string,
  { holder, term }: FolderHolder,
  lostTerm: number | null = null,
): TrainerError {
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  const since = holder === null ? '' : ` since ${holder.since}`;
  const end = holder === null ? 'end it' : `end it there (kill ${holder.launcher ?? holder.pid})`;
  const problem =
    lostTerm === null
      ? `held${since} by ${who} (term ${term}); add --wait to wait for its end, ${end}, or take the folder from it with --take-over`
      : `taken over${since} by ${who} (term ${term}); this process (term ${lostTerm}) writes no more to it, and ends`;
  return new TrainerError('FOLDER_HELD', `run folder ${folder}: ${problem}`, { folder, term });
}

/** Images that went away in mid-run: the run goes on once they are back, and no sooner. */
export function imagesGone(where: string, problem: string, remedy: string): TrainerError {
  const details = { where, problem, needsPerson: true };
  return new TrainerError('UNAVAILABLE', `data ${where}: ${problem}; ${remedy}`, details);
}

/** Whether trying again helps only once a person has done something. */
export function needsPerson(error: unknown): boolean {
  return error instanceof TrainerError && error.details['needsPerson'] === true;
}

/**
 * `a training slice of 64 images needs 5.10 GiB of memory, the wasm engine has 4.00 GiB; remedy`
 */
export function memoryExceeded(
  what: string,
  neededBytes: number | null,
  limitBytes: number,
  remedy: string,
): TrainerError {
  const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const needed = neededBytes === null ? 'needs more' : `needs ${gibibytes(neededBytes)}`;
  return new TrainerError(
    'CONFIG_INVALID',
    `${what} ${needed} of memory, the wasm engine has ${gibibytes(limitBytes)}; ${remedy}`,
    { what, neededBytes, limitBytes },
  );
}

/** An engine that was asked for and cannot run here; never answered by a slower one in silence. */
export function engineUnavailable(
  engine: string,
  problem: string,
  remedy: string,
  cause?: unknown,
): TrainerError {
  return new TrainerError(
    'ENGINE_UNAVAILABLE',
    `engine ${engine}: ${problem}; ${remedy}`,
    { engine },
    cause === undefined ? undefined : { cause },
  );
}
