/**
 * The features of many images, read a block at a time from the array that `embed` made: memory
 * does not hold them all. Shapes: n rows, D dimensions.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { TrainerError } from '../errors.ts';
import { NPY_HEADER_BYTES, readNpyHeader } from '../tables/npy.ts';

export interface FeatureRows {
  /** n */
  readonly rows: number;
  /** D */
  readonly dim: number;
  /** @returns [end - begin, D] float32, the caller's */
  read(begin: number, end: number): Float32Array;
}

/** @throws TrainerError CONFIG_INVALID for a file of another form */
export function openFeatureFile(file: string): FeatureRows & { close(): void } {
  const descriptor = openSync(file, 'r');
  const head = Buffer.alloc(NPY_HEADER_BYTES);
  readFully(descriptor, head, 0, file);
  const found = readNpyHeader(head);
  if (found === null) {
    closeSync(descriptor);
    const problem = 'is no array of float32 with two dimensions';
    throw new TrainerError('CONFIG_INVALID', `features ${file}: ${problem}`, { file });
  }
  const { begin: data, rows, dim } = found;
  return {
    rows,
    dim,
    read: (begin, end) => {
      const values = new Float32Array((end - begin) * dim);
      readFully(descriptor, Buffer.from(values.buffer), data + 4 * begin * dim, file);
      return values;
    },
    close: () => {
      closeSync(descriptor);
    },
  };
}

function readFully(descriptor: number, into: Buffer, at: number, file: string): void {
  for (let done = 0; done < into.length;) {
    const read = readSync(descriptor, into, done, into.length - done, at + done);
    if (read === 0) {
      const problem = `ends after ${at + done} bytes, in the middle; remove it`;
      throw new TrainerError('CONFIG_INVALID', `features ${file}: ${problem}`, { file });
    }
    done += read;
  }
}
