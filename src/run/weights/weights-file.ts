/**
 * A file of weights, whatever wrote it: the arrays of a safetensors file, or the dictionaries of
 * tensors of one of PyTorch's (`.pt`, `.pth`), which is read without running it.
 */
import { readFile } from 'node:fs/promises';
import { decodeSafetensors } from '../../arrays/safetensors.ts';
import { decodeTorchFile, isTorchFile } from '../../arrays/torch/torch-file.ts';
import { TrainerError, messageOf } from '../../errors.ts';

/** An array of the file; `read` throws a TrainerError for one of a type that is not taken. */
export interface GivenArray {
  readonly shape: readonly number[];
  readonly read: () => Float32Array;
}

/** A dictionary of arrays within the file. */
export interface GivenArrays {
  /** Keys on the way to it, with dots between; empty for the file's own. */
  readonly path: string;
  readonly arrays: ReadonlyMap<string, GivenArray>;
}

/** @throws TrainerError CONFIG_INVALID for a file that cannot be read */
export async function readWeightsFile(path: string): Promise<readonly GivenArrays[]> {
  try {
    const bytes = await readFile(path);
    if (!isTorchFile(bytes)) return [safetensorsOf(path, bytes)];
    const dicts = decodeTorchFile(bytes, 'CONFIG_INVALID');
    return dicts.map(({ path: inner, tensors }) => ({
      path: inner,
      arrays: new Map(
        [...tensors].map(([name, { shape, read }]) => [
          name,
          { shape, read: () => withPath(path, read) },
        ]),
      ),
    }));
  } catch (error) {
    throw weightsInvalid(path, `cannot be read (${messageOf(error)})`);
  }
}

export function weightsInvalid(path: string, problem: string): TrainerError {
  return new TrainerError('CONFIG_INVALID', `weights ${path}: ${problem}`, { path });
}

function withPath<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw weightsInvalid(path, messageOf(error));
  }
}

function safetensorsOf(path: string, bytes: Uint8Array): GivenArrays {
  const context = { what: 'as safetensors', code: 'CONFIG_INVALID', takesOthers: true } as const;
  const { arrays, others } = decodeSafetensors(bytes, context);
  const given = new Map<string, GivenArray>();
  const refused = (name: string, type: string) => (): never => {
    throw weightsInvalid(path, `array ${name}: expected F32, got ${type}; save it as float32`);
  };
  for (const [name, { data, shape }] of Object.entries(arrays)) {
    const isFloat = data instanceof Float32Array;
    given.set(name, { shape, read: isFloat ? () => data : refused(name, data.constructor.name) });
  }
  for (const [name, type] of others) given.set(name, { shape: [], read: refused(name, type) });
  return { path: '', arrays: given };
}
