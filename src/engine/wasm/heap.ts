/**
 * The wasm engine's heap: what is in use, its peak, and what to do where 4 GiB, all that 32-bit
 * addresses reach, are not enough. Upstream takes the address 0 that a failed allocation gives, and
 * writes there: here it is an error.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { TrainerError, memoryExceeded } from '../../errors.ts';

interface Allocator {
  _malloc: (bytes: number) => number;
  _free: (address: number) => void;
  readonly asm: Readonly<Record<'malloc', (bytes: number) => number>> &
    Readonly<Record<'free', (address: number) => void>>;
}

/** Of a backend's heap. */
export interface HeapMeter {
  readonly bytesInUse: number;
  /** Most bytes in use since the last reset. */
  readonly peakBytes: number;
  readonly resetPeak: () => void;
}

/** The most that upstream's module lets its heap grow to: all pages of 64 KiB but one. */
const MOST_BYTES = 2 ** 32 - 2 ** 16;
/**
 * What of it tensors may fill by an estimate: the rest goes to the module's own data and to gaps
 * between tensors.
 */
const USABLE = 0.9;

let limitBytes = MOST_BYTES;
const meters = new WeakMap<object, HeapMeter>();

/**
 * Counts the backend's allocations from now on, and makes failed ones errors; a second call changes
 * nothing.
 */
export function watchHeap({ wasm }: BackendWasm): HeapMeter {
  const allocator = wasm as unknown as Allocator;
  const meter = meters.get(allocator) ?? createMeter(allocator);
  meters.set(allocator, meter);
  return meter;
}

/** For tests: a heap that is full earlier, until it is set back by calling without bytes. */
export function limitHeap(bytes = MOST_BYTES): void {
  limitBytes = bytes;
}

function createMeter(allocator: Allocator): HeapMeter {
  const { malloc, free } = allocator.asm;
  // Upstream's wrappers replace themselves when they are first called.
  allocator._free(allocator._malloc(8));
  const sizes = new Map<number, number>();
  let [inUse, peak] = [0, 0];
  allocator._malloc = (bytes) => {
    // An unsigned number, where the module gives a signed one.
    const address = inUse + bytes > limitBytes ? 0 : malloc(bytes) >>> 0;
    if (address === 0 && bytes > 0) {
      const remedy =
        'take fewer or smaller images at a time (--set training.sliceSize), or a smaller network';
      const what = `an array of ${(bytes / 2 ** 20).toFixed(0)} MiB beside those in use`;
      throw new HeapExhausted(memoryExceeded(what, inUse + bytes, limitBytes, remedy));
    }
    sizes.set(address, bytes);
    inUse += bytes;
    peak = Math.max(peak, inUse);
    return address;
  };
  allocator._free = (address) => {
    inUse -= sizes.get(address >>> 0) ?? 0;
    sizes.delete(address >>> 0);
    free(address);
  };
  return {
    get bytesInUse() {
      return inUse;
    },
    get peakBytes() {
      return peak;
    },
    resetPeak: () => {
      peak = inUse;
    },
  };
}

/** An allocation that failed; as it is, if nobody knows what it was for. */
class HeapExhausted extends TrainerError {
  constructor({ code, message, details }: TrainerError) {
    super(code, message, details);
  }
}

/**
 * Runs a training slice. Should the heap not hold it, two runs with few images show what an image
 * takes, and the error says how many would fit.
 * @param run with so many images of the slice; leaves nothing behind, also when it fails
 * @throws TrainerError CONFIG_INVALID
 */
export function withinHeap<T>(backend: BackendWasm, images: number, run: (images: number) => T): T {
  try {
    return run(images);
  } catch (error) {
    if (!(error instanceof HeapExhausted)) throw error;
    throw explainExhaustion(watchHeap(backend), images, run, error);
  }
}

function explainExhaustion(
  meter: HeapMeter,
  images: number,
  run: (images: number) => unknown,
  error: HeapExhausted,
): TrainerError {
  const peakOf = (count: number): number => {
    meter.resetPeak();
    run(count);
    return meter.peakBytes;
  };
  try {
    const { fits, neededBytes } = fittingImages([1, peakOf(1)], [2, peakOf(2)], images);
    const what = `a training slice of ${images} images`;
    const remedy = `take at most ${fits} (--set training.sliceSize=${fits}), or smaller images`;
    return fits < 1 ? error : memoryExceeded(what, neededBytes, limitBytes, remedy);
  } catch (again) {
    if (again instanceof HeapExhausted) return error;
    throw again;
  }
}

/**
 * By the peaks of two small runs: beside the parameters, every array of a pass grows with the
 * number of images.
 * @returns how many images fit, and what `images` of them need
 */
export function fittingImages(
  [few, fewBytes]: readonly [number, number],
  [more, moreBytes]: readonly [number, number],
  images: number,
): { fits: number; neededBytes: number } {
  const imageBytes = (moreBytes - fewBytes) / (more - few);
  const fixedBytes = fewBytes - few * imageBytes;
  const fits = Math.floor((USABLE * limitBytes - fixedBytes) / imageBytes);
  // Where the estimate is too kind, the truth is that so many did not fit.
  return { fits: Math.min(fits, images - 1), neededBytes: fixedBytes + images * imageBytes };
}
