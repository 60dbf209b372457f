/** Checks a source before a run: reads and decodes every image once, and lists those that give trouble. */
import { decodeImage } from '../pixels/decode.ts';
import { forEachInLanes } from '../lanes.ts';
import { shownPath } from './path-bytes.ts';
import type { ImageSource } from './source.ts';
import { reasonOf, type UnreadableImage } from './unreadable.ts';

export interface VerifyResult {
  readonly images: number;
  /** Of all files that could be read. */
  readonly bytes: number;
  /** In order of id: a run would leave these out. */
  readonly unreadable: UnreadableImage[];
  /** In order of id: truncated or damaged, but decodable in part, as a run would do. */
  readonly damaged: UnreadableImage[];
}

/** Decodes at a time: libuv's threads. */
const LANES = 4;

/** @param onProgress called after each image */
export async function verifySource(
  source: ImageSource,
  onProgress: (done: number, total: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<VerifyResult> {
  const unreadable: UnreadableImage[] = [];
  const damaged: UnreadableImage[] = [];
  let bytes = 0;
  let done = 0;
  const check = async (id: number): Promise<void> => {
    const found = await examine(source, id, signal);
    bytes += found.bytes;
    if (found.verdict !== 'sound') {
      const list = found.verdict === 'damaged' ? damaged : unreadable;
      list.push({ id, path: shownPath(source.path(id)), reason: found.reason });
    }
    onProgress(++done, source.count);
  };
  await forEachInLanes(source.count, LANES, check, signal);
  const byId = (a: UnreadableImage, b: UnreadableImage): number => a.id - b.id;
  return {
    images: source.count,
    bytes,
    unreadable: unreadable.sort(byId),
    damaged: damaged.sort(byId),
  };
}

type Finding =
  | { verdict: 'sound'; bytes: number }
  | { verdict: 'damaged' | 'unreadable'; bytes: number; reason: string };

async function examine(source: ImageSource, id: number, signal?: AbortSignal): Promise<Finding> {
  let bytes = 0;
  try {
    const content = await source.read(id, signal);
    bytes = content.length;
    const { damage } = await decodeImage(content);
    return damage === undefined
      ? { verdict: 'sound', bytes }
      : { verdict: 'damaged', bytes, reason: damage };
  } catch (error) {
    signal?.throwIfAborted();
    return { verdict: 'unreadable', bytes, reason: reasonOf(error) };
  }
}
