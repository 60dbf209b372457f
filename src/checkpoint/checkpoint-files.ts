/**
 * The files of a checkpoint folder: written in pieces and forced to disk, read back only if size
 * and digest are right. Knows nothing of what the files mean; src/checkpoint/checkpoint.ts does.
 */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import fs from 'node:fs/promises';
import { messageOf } from '../errors.ts';

export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** A digest of a few milliseconds, so that heartbeats and rpcs come through between two. */
const PIECE_BYTES = 8 * 1024 * 1024;

/**
 * Writes a new file and returns once its bytes are on disk; its name is not, before its folder is
 * synced too.
 */
export async function writeDurably(
  path: string,
  chunks: readonly Uint8Array[],
): Promise<FileDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await fs.open(path, 'wx');
  try {
    for (const piece of chunks.flatMap(cutInPieces)) {
      hash.update(piece);
      await writeFully(file, piece);
      bytes += piece.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Forces the names in a folder to disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await fs.open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads a file that must be exactly as its digest says.
 * @throws Error with the reason; memory is taken only for a file of the right size
 */
export async function readVerified(path: string, expected: FileDigest): Promise<Uint8Array> {
  const { bytes, sha256 } = await readBounded(path, expected.bytes);
  if (bytes.length !== expected.bytes) {
    throw new Error(`has ${bytes.length} bytes, the manifest says ${expected.bytes}`);
  }
  if (sha256 !== expected.sha256) {
    throw new Error(`has sha256 ${sha256}, the manifest says ${expected.sha256}`);
  }
  return bytes;
}

/**
 * Reads a regular file of at most `limit` bytes; a link is refused, since it may lead anywhere.
 * @throws Error with the reason
 */
export async function readBounded(
  path: string,
  limit: number,
): Promise<{ bytes: Uint8Array; sha256: string }> {
  await requireFile(path);
  const hash = createHash('sha256');
  // What was looked at may be another thing by now: a link is not followed, and a pipe not waited
  // for.
  const file = await fs.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  let bytes: Uint8Array;
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error('is not a regular file');
    const { size } = stats;
    if (size > limit) throw new Error(`has ${size} bytes, at most ${limit} are expected`);
    bytes = new Uint8Array(size);
    for (const piece of cutInPieces(bytes)) {
      await readFully(file, piece);
      hash.update(piece);
    }
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function requireFile(path: string): Promise<void> {
  if (!(await statsOf(path)).isFile()) throw new Error('is not a regular file');
}

/**
 * @throws Error with the reason unless it is a folder, and no link to one, which may lead anywhere
 */
export async function requireFolder(path: string): Promise<void> {
  if (!(await statsOf(path)).isDirectory()) throw new Error('is not a folder');
}

function statsOf(path: string): Promise<Stats> {
  return fs.lstat(path).catch((cause: unknown) => {
    throw new Error(`cannot be read: ${messageOf(cause)}`, { cause });
  });
}

async function writeFully(file: fs.FileHandle, piece: Uint8Array): Promise<void> {
  let done = 0;
  while (done < piece.length) {
    done += (await file.write(piece, done, piece.length - done)).bytesWritten;
  }
}

async function readFully(file: fs.FileHandle, into: Uint8Array): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done);
    if (bytesRead === 0) throw new Error('ended while it was read');
    done += bytesRead;
  }
}

function cutInPieces(chunk: Uint8Array): Uint8Array[] {
  const count = Math.ceil(chunk.length / PIECE_BYTES);
  return Array.from({ length: count }, (_, i) =>
    chunk.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES),
  );
}
