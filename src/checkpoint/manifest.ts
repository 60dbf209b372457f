/**
 * The manifest of a checkpoint: its step, its small state, and the size and digest of every file
 * beside it. It carries a digest of itself too, so that a flipped bit of the state does not pass
 * for another state.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { messageOf, protocolViolation } from '../errors.ts';

/**
 * Plain data that JSON gives back as it was: objects, arrays, strings, finite numbers, booleans,
 * null.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

const FORMAT_VERSION = 1;

/** Stays in its folder: no separator can be part of it. */
const FILE_NAME = /^[A-Za-z0-9][\w-]{0,99}\.safetensors$/;

const manifestSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  step: z.int().min(0),
  state: z.custom<JsonObject>(isObject, 'expected an object'),
  files: z.array(
    z.strictObject({
      name: z.string().regex(FILE_NAME),
      bytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  /** Of the fields above. */
  sha256: z.string(),
});

export type Manifest = Omit<z.infer<typeof manifestSchema>, 'sha256' | 'formatVersion'>;

/**
 * @throws TrainerError PROTOCOL_VIOLATION for a step, a name or a state that a manifest cannot hold
 */
export function requireManifestable(
  step: number,
  state: JsonObject,
  fileNames: readonly string[],
): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw protocolViolation('step of a checkpoint', 'an integer from 0', step, 'pass the step');
  }
  const unfit = fileNames.find((name) => !FILE_NAME.test(name));
  if (unfit !== undefined) {
    throw protocolViolation('file of a checkpoint', 'letters, digits, _ and -', unfit, 'rename it');
  }
  JSON.stringify(state, (key, value: unknown) => {
    if (isPlain(value)) return value;
    throw protocolViolation(`${key} in a checkpoint's state`, 'plain JSON', value, 'convert it');
  });
}

export function encodeManifest({ step, state, files }: Manifest): Uint8Array {
  const sha256 = digestOf({ step, state, files });
  const json = JSON.stringify(
    { formatVersion: FORMAT_VERSION, step, state, files, sha256 },
    null,
    1,
  );
  return Buffer.from(json);
}

/** @throws Error with the reason why this is no sound manifest of this format version */
export function decodeManifest(bytes: Uint8Array): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch (cause) {
    throw new Error(`is not JSON: ${messageOf(cause)}`, { cause });
  }
  const version = isObject(json) ? json['formatVersion'] : undefined;
  if (version !== FORMAT_VERSION) {
    const found = version === undefined ? 'none' : JSON.stringify(version);
    throw new Error(`has format version ${found}, this release reads ${FORMAT_VERSION}`);
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) throw new Error(`is malformed${firstIssue(parsed.error)}`);
  const { step, state, files, sha256 } = parsed.data;
  const names = new Set(files.map(({ name }) => name));
  if (names.size !== files.length) throw new Error('names a file twice');
  const digest = digestOf({ step, state, files });
  if (digest !== sha256) throw new Error(`has sha256 ${digest}, it says ${sha256}`);
  return { step, state, files };
}

function firstIssue({ issues: [issue] }: z.ZodError): string {
  return issue === undefined ? '' : ` at ${issue.path.join('.')}: ${issue.message}`;
}

/**
 * JSON keeps the order of keys and the value of numbers: what was read gives the text that was
 * written.
 */
function digestOf({ step, state, files }: Manifest): string {
  const fields = files.map(({ name, bytes, sha256 }) => [name, bytes, sha256]);
  const json = JSON.stringify([FORMAT_VERSION, step, state, fields]);
  return createHash('sha256').update(json).digest('hex');
}

/**
 * Not NaN, which would come back as null; no Map and no typed array, which would come back as
 * another thing.
 */
function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
