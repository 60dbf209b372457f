/**
 * A codec on a flat parameter vector: large weights are encoded, by variable, and the rest stays
 * float32 (batch norms, biases, and whatever is small). Blocks are counted from a variable's first
 * element. Shapes: P parameters of a layout, which may be a parameter shard's.
 */
import { shapeMismatch } from '../../errors.ts';
import { isVector, type ParameterLayout, type VariableSpec } from '../layout.ts';
import { BLOCK, type CodecName } from './codec-name.ts';
import { gradientCodec, type GradientCodec } from './gradient-codec.ts';

/** Variables of fewer elements gain nothing that is worth their precision. */
const LEAST_ELEMENTS = 2048;

type Sized = Pick<VariableSpec, 'shape' | 'rank' | 'size' | 'wholeSize'>;

/** Whether a variable is encoded, whatever the codec; of one that a cut goes through, each part. */
export function isCoded(variable: Sized): boolean {
  return !isVector(variable) && (variable.wholeSize ?? variable.size) >= LEAST_ELEMENTS;
}

/** Elements begin .. end, encoded or not. */
interface Stretch {
  readonly begin: number;
  readonly end: number;
  readonly isCoded: boolean;
}

/** The forms of what a run exchanges. */
export interface ExchangeCodings {
  /** At every node of the tree of slices, and on the way to the servers. */
  readonly gradients: VectorCoding;
  /** Of those that workers compute with: with `int8` they have 16 bits. */
  readonly parameters: VectorCoding;
}

/** @returns null for float32 as it is */
export function exchangeCodings(layout: ParameterLayout, codec: CodecName): ExchangeCodings | null {
  if (codec === 'float32') return null;
  const gradients = new VectorCoding(layout, gradientCodec(codec));
  if (codec !== 'int8') return { gradients, parameters: gradients };
  return { gradients, parameters: new VectorCoding(layout, gradientCodec('bfloat16')) };
}

export class VectorCoding {
  readonly codec: GradientCodec;
  /** P */
  readonly elements: number;
  /** In order, without gaps; a variable that is encoded is one by itself. */
  readonly #stretches: readonly Stretch[];

  constructor({ variables, parameterCount }: ParameterLayout, codec: GradientCodec) {
    this.codec = codec;
    this.elements = parameterCount;
    const stretches: Stretch[] = [];
    for (const variable of variables) {
      const next = {
        begin: variable.offset,
        end: variable.offset + variable.size,
        isCoded: isCoded(variable),
      };
      const before = stretches.at(-1);
      if (before?.isCoded === false && !next.isCoded) {
        stretches.splice(-1, 1, { ...next, begin: before.begin });
      } else {
        stretches.push(next);
      }
    }
    this.#stretches = stretches;
  }

  /** Of a whole vector. */
  get bytes(): number {
    return this.#stretches.reduce((total, stretch) => total + this.#bytesOf(stretch), 0);
  }

  /** Rounds to values that survive their bytes. @param to [P]; left out: in place */
  round(values: Float32Array, to = values): void {
    for (const { begin, end, isCoded: isEncoded } of this.#stretches) {
      const from = values.subarray(begin, end);
      if (isEncoded) this.codec.round(from, to.subarray(begin, end));
      else if (to !== values) to.set(from, begin);
    }
  }

  /**
   * The whole vector's bytes, made as they are asked for.
   * @param values [P]
   * @returns `offset` is the first element's index
   */
  *chunks(
    values: Float32Array,
    chunkBytes: number,
  ): Generator<{ readonly offset: number; readonly values: Buffer }> {
    for (let offset = 0; offset < this.elements;) {
      const pieces = [...this.#piecesIn(offset, chunkBytes, false)];
      const size = pieces.reduce((total, piece) => total + this.#bytesOf(piece), 0);
      const bytes = Buffer.allocUnsafeSlow(size);
      let at = 0;
      for (const piece of pieces) {
        const end = at + this.#bytesOf(piece);
        this.#encode(values.subarray(piece.begin, piece.end), piece, bytes.subarray(at, end));
        at = end;
      }
      yield { offset, values: bytes };
      offset = pieces.at(-1)!.end;
    }
  }

  /**
   * The elements of a chunk.
   * @param offset of the first one
   * @param roomFor makes room for so many, which are written at once; left out: a fresh array
   * @returns as many as there are bytes for
   * @throws TrainerError SHAPE_MISMATCH for bytes that are no whole elements, or beyond the end
   */
  decode(
    what: string,
    offset: number,
    bytes: Uint8Array,
    roomFor = (elements: number): Float32Array => new Float32Array(elements),
  ): Float32Array {
    const pieces = [...this.#piecesIn(offset, bytes.byteLength, true)];
    const size = pieces.reduce((total, piece) => total + this.#bytesOf(piece), 0);
    if (size !== bytes.byteLength || size === 0) {
      const whole = `whole elements of ${this.codec.name} within ${this.elements}`;
      throw shapeMismatch(`${what}: bytes from element ${offset} on`, [whole], [bytes.byteLength]);
    }
    const values = roomFor(pieces.at(-1)!.end - offset);
    let at = 0;
    for (const piece of pieces) {
      const end = at + this.#bytesOf(piece);
      const to = values.subarray(piece.begin - offset, piece.end - offset);
      this.#decode(bytes.subarray(at, end), piece, to);
      at = end;
    }
    return values;
  }

  /**
   * Parts of stretches, from an element on, that so many bytes have room for.
   * @param isWhole whether bytes that a stretch has no whole block for end it there
   */
  *#piecesIn(offset: number, room: number, isWhole: boolean): Generator<Stretch> {
    let left = room;
    for (const { begin, end, isCoded: isEncoded } of this.#stretches) {
      if (end <= offset) continue;
      const first = Math.max(begin, offset);
      // A chunk that begins within a block is none that was made here.
      if (isWhole && isEncoded && (first - begin) % this.codec.block !== 0) return;
      const rest = { begin: first, end, isCoded: isEncoded };
      const bytes = this.#bytesOf(rest);
      if (bytes <= left) {
        yield rest;
        left -= bytes;
        continue;
      }
      const block = isEncoded ? this.codec.block : 1;
      const fit = block * Math.floor(left / this.#bytesOf({ ...rest, end: first + block }));
      if (fit > 0) yield { ...rest, end: first + fit };
      return;
    }
  }

  #bytesOf({ begin, end, isCoded: isEncoded }: Stretch): number {
    return isEncoded ? this.codec.bytesOf(end - begin) : 4 * (end - begin);
  }

  #encode(from: Float32Array, { isCoded: isEncoded }: Stretch, bytes: Uint8Array): void {
    if (isEncoded) this.codec.encode(from, bytes);
    else bytes.set(bytesOf(from));
  }

  #decode(bytes: Uint8Array, { isCoded: isEncoded }: Stretch, to: Float32Array): void {
    if (isEncoded) this.codec.decode(bytes, to);
    else bytesOf(to).set(bytes);
  }
}

/** A view of them, little-endian as the machine is. */
function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The multiple of a block's elements, within a variable that is encoded, nearest to a place. */
export function nearestBlock({ variables }: ParameterLayout, place: number): number {
  const cut = variables.find(({ offset, size }) => offset < place && offset + size > place);
  if (cut === undefined || !isCoded(cut)) return place;
  const nearest = BLOCK * Math.round((place - cut.offset) / BLOCK);
  return cut.offset + Math.min(nearest, cut.size);
}
