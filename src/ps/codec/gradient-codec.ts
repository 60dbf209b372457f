/**
 * The codecs of the parameter exchange: a rule that rounds numbers to those that have fewer bytes,
 * and these bytes. Rounding is idempotent, and what has been rounded survives its bytes without a
 * change. JavaScript, and for many numbers the parameter kernels, with the same bits.
 */
import {
  CODEC_NUMBERS,
  kernelThreads,
  parameterKernels,
  type ParameterModule,
} from '../../parameter-plane/kernels.ts';
import { ofBfloat16, toBfloat16 } from './bfloat16.ts';
import { BLOCK, type LossyCodecName } from './codec-name.ts';
import { ofFloat16, toFloat16 } from './float16.ts';
import { decodeInt8, encodeInt8, int8Bytes, roundInt8 } from './int8.ts';

export interface GradientCodec {
  readonly name: LossyCodecName;
  /** By which the parameter kernels know it. */
  readonly number: number;
  /** Elements that are rounded together, counted from the first one; 1: each by itself. */
  readonly block: number;
  /** Bytes of so many elements. */
  bytesOf(elements: number): number;
  /** Rounds to the codec's values. @param to of the same length; left out: in place */
  round(from: Float32Array, to?: Float32Array): void;
  /** @param bytes little-endian, exactly as many as bytesOf says */
  encode(from: Float32Array, bytes: Uint8Array): void;
  decode(bytes: Uint8Array, to: Float32Array): void;
}

/** What JavaScript does by itself. */
type Loops = Pick<GradientCodec, 'block' | 'bytesOf' | 'encode' | 'decode'> & {
  readonly round: (from: Float32Array, to: Float32Array) => void;
};

const LOOPS: Readonly<Record<LossyCodecName, Loops>> = {
  bfloat16: halves(toBfloat16, ofBfloat16),
  float16: halves(toFloat16, ofFloat16),
  int8: {
    block: BLOCK,
    bytesOf: int8Bytes,
    round: roundInt8,
    encode: encodeInt8,
    decode: decodeInt8,
  },
};

/** Fewer are done before a call has begun. */
const LEAST_FOR_KERNELS = 64;
/** Fewer are done before threads have begun. */
const LEAST_FOR_THREADS = 131_072;

/** @param kernels null: JavaScript does it all */
export function gradientCodec(
  name: LossyCodecName,
  kernels: ParameterModule | null = parameterKernels().module,
): GradientCodec {
  const loops = LOOPS[name];
  const number = CODEC_NUMBERS[name];
  const moduleFor = ({ length }: Float32Array): ParameterModule | null =>
    length >= LEAST_FOR_KERNELS ? kernels : null;
  return {
    name,
    number,
    block: loops.block,
    bytesOf: loops.bytesOf,
    round: (from, to = from) => {
      const module = moduleFor(from);
      if (module === null) loops.round(from, to);
      else module.round(threadsFor(from), number, from, to);
    },
    encode: (from, bytes) => {
      const module = moduleFor(from);
      if (module === null) loops.encode(from, bytes);
      else module.encode(threadsFor(from), number, from, bytes);
    },
    decode: (bytes, to) => {
      const module = moduleFor(to);
      if (module === null) loops.decode(bytes, to);
      else module.decode(threadsFor(to), number, bytes, to);
    },
  };
}

function threadsFor({ length }: Float32Array): number {
  return length >= LEAST_FOR_THREADS ? kernelThreads() : 1;
}

/** Two bytes a number, each by itself. */
function halves(toHalf: (bits: number) => number, ofHalf: (half: number) => number): Loops {
  return {
    block: 1,
    bytesOf: (elements) => 2 * elements,
    round: (from, to) => {
      const [bits, rounded] = [bitsOf(from), bitsOf(to)];
      for (let i = 0; i < bits.length; i += 1) rounded[i] = ofHalf(toHalf(bits[i]!));
    },
    encode: (from, bytes) => {
      bitsOf(from).forEach((bits, i) => {
        const half = toHalf(bits);
        bytes[2 * i] = half;
        bytes[2 * i + 1] = half >>> 8;
      });
    },
    decode: (bytes, to) => {
      const bits = bitsOf(to);
      for (let i = 0; i < bits.length; i += 1) {
        bits[i] = ofHalf(bytes[2 * i]! | (bytes[2 * i + 1]! << 8));
      }
    },
  };
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}
