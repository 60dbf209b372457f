/**
 * Files of `torch.save` without Python: its ZIP archive (`data.pkl`, and one member a storage), and
 * the format of before PyTorch 1.6, pickles one after the other and then the storages. Only
 * dictionaries of tensors are read; nothing of a file is run.
 */
import type { ErrorCode } from '../../errors.ts';
import { TrainerError } from '../../errors.ts';
import { readPickle, type PickleContext } from './pickle.ts';
import { floatsOf, globalOf, storageOf } from './tensors.ts';
import {
  ELEMENT_BYTES,
  isTensor,
  type PickleDict,
  type PickleValue,
  type Refuse,
  type Tensor,
} from './values.ts';
import { isZip, readZip } from './zip-members.ts';

export interface TorchTensor {
  readonly shape: readonly number[];
  /** A copy as float32, row-major. @throws TrainerError for other than floating-point numbers */
  readonly read: () => Float32Array;
}

/** A dictionary of the file that has tensors among its values. */
export interface TensorDict {
  /** Keys on the way to it, with dots between; empty for the file's own. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TorchTensor>;
}

/** Whether bytes begin as a file of `torch.save` does. */
export function isTorchFile(bytes: Uint8Array): boolean {
  return (
    isZip(bytes) || (bytes[0] === PICKLE_PROTOCOL && LEGACY.every((b, i) => bytes[i + 2] === b))
  );
}

/**
 * The dictionaries of tensors in a file, the outermost first.
 * @throws TrainerError with `code` for a file that is cut off, damaged or holds other things
 */
export function decodeTorchFile(bytes: Uint8Array, code: ErrorCode): readonly TensorDict[] {
  const refuse: Refuse = (problem) =>
    new TrainerError(code, `as a file of torch.save: ${problem}`, { problem });
  const { value, bytesOf } = isZip(bytes) ? readArchive(bytes, refuse) : readLegacy(bytes, refuse);
  return tensorDicts(value, bytesOf, refuse);
}

interface Content {
  readonly value: PickleValue;
  /** Bytes of a storage; undefined: the file has none of that key. */
  readonly bytesOf: (key: string) => Uint8Array | undefined;
}

/** Its value is parsed in memory: names and shapes take a few hundred bytes a tensor. */
const MAX_PICKLE_BYTES = 64 * 1024 * 1024;
/** Dictionaries within dictionaries. */
const MAX_DEPTH = 8;
const PICKLE_PROTOCOL = 0x80;
/** The start of the number with which files of before 1.6 begin, as a pickle. */
const LEGACY = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

function readArchive(bytes: Uint8Array, refuse: Refuse): Content {
  const members = readZip(bytes, refuse);
  const pickles = [...members.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name));
  const [name] = pickles;
  if (name === undefined || pickles.length > 1)
    throw refuse(`the archive has ${pickles.length} members data.pkl, expected one`);
  const folder = name.slice(0, -'data.pkl'.length);
  const order = Buffer.from(members.get(`${folder}byteorder`) ?? 'little').toString('latin1');
  if (order !== 'little')
    throw refuse('its numbers are not little-endian; save it again elsewhere');
  const pickle = members.get(name)!;
  if (pickle.length > MAX_PICKLE_BYTES)
    throw refuse(`${name} has ${pickle.length} bytes, more than a state dict needs`);
  const { value } = readPickle(pickle, 0, contextOf(refuse));
  return { value, bytesOf: (key) => members.get(`${folder}data/${key}`) };
}

/**
 * Pickles of a magic number, a version, sizes of types, the value, and the keys of its storages;
 * then each storage in the order of the keys: its length in elements as i64, and its elements.
 */
function readLegacy(bytes: Uint8Array, refuse: Refuse): Content {
  const widths = new Map<string, number>();
  const context = contextOf(refuse, (key, width) => widths.set(key, width));
  let at = 0;
  const next = (): PickleValue => {
    const read = readPickle(bytes, at, context);
    at = read.end;
    return read.value;
  };
  next();
  const version = next();
  if (version !== LEGACY_VERSION) throw refuse('its version is not 1001');
  const system = next();
  if (system instanceof Map && system.get('little_endian') === false)
    throw refuse('its numbers are not little-endian; save it again elsewhere');
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw refuse('its list of storages is damaged');
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storages = new Map<string, Uint8Array>();
  for (const key of keys) {
    const width = typeof key === 'string' ? widths.get(key) : undefined;
    if (typeof key !== 'string' || width === undefined)
      throw refuse('its list of storages is damaged');
    const cut = (): Error => refuse(`storage ${key} is cut off`);
    if (at + 8 > file.length) throw cut();
    const begin = at + 8;
    at = begin + Number(file.readBigUInt64LE(at)) * width;
    if (at > file.length) throw cut();
    storages.set(key, file.subarray(begin, at));
  }
  return { value, bytesOf: (key) => storages.get(key) };
}

const LEGACY_VERSION = 1001;

function contextOf(
  refuse: Refuse,
  onStorage: (key: string, width: number) => void = () => undefined,
): PickleContext {
  return {
    globalOf,
    persistentOf: (id) => {
      const storage = storageOf(id, refuse);
      onStorage(storage.key, ELEMENT_BYTES[storage.element]);
      return storage;
    },
    refuse,
  };
}

/** Each dictionary once, however often it is part of others. */
function tensorDicts(
  root: PickleValue,
  bytesOf: Content['bytesOf'],
  refuse: Refuse,
): readonly TensorDict[] {
  const found: TensorDict[] = [];
  const seen = new Set<PickleDict>();
  let level: { path: string; value: PickleValue }[] = [{ path: '', value: root }];
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const inner: typeof level = [];
    for (const { path, value } of level) {
      if (!(value instanceof Map) || seen.has(value)) continue;
      seen.add(value);
      const tensors = new Map<string, TorchTensor>();
      for (const [key, entry] of value) {
        if (typeof key !== 'string') continue;
        if (isTensor(entry)) tensors.set(key, torchTensor(key, entry, bytesOf, refuse));
        else if (entry instanceof Map)
          inner.push({ path: path === '' ? key : `${path}.${key}`, value: entry });
      }
      if (tensors.size > 0) found.push({ path, tensors });
    }
    level = inner;
  }
  if (found.length === 0) throw refuse('it has no dictionary of tensors');
  return found;
}

function torchTensor(
  name: string,
  tensor: Tensor,
  bytesOf: Content['bytesOf'],
  refuse: Refuse,
): TorchTensor {
  const { shape, storage } = tensor;
  const read = (): Float32Array => {
    const bytes = bytesOf(storage.key);
    if (bytes === undefined) throw refuse(`array ${name}: the file has no storage ${storage.key}`);
    return floatsOf(tensor, bytes, (problem) => refuse(`array ${name}: ${problem}`));
  };
  return { shape, read };
}
