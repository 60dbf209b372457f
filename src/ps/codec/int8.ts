/**
 * int8 in blocks of 256 elements: each is -127 to 127 times its block's scale, to nearest even. A
 * scale is a 127th of the block's largest magnitude in 16 bits of significand, so that every
 * product is exact in float32: what has been rounded is rounded to itself, with the same scale. A
 * block whose largest magnitude is below 2^-100 is zeros, and zeros have no sign; a block with a
 * value that is not finite is NaN throughout. The bits of src/parameter-plane/native/codec.cc.
 */
import { BLOCK } from './codec-name.ts';

/** Of a block as bytes: its scale as float32, then its elements. */
const SCALE_BYTES = 4;
const LEAST = 2 ** -100;
/** Floats from 2^23 on are 1 apart; by half more it takes negative numbers too. */
const ROUNDER = 3 * 2 ** 22;

const [word, scalar] = (() => {
  const buffer = new ArrayBuffer(4);
  return [new Uint32Array(buffer), new Float32Array(buffer)] as const;
})();

export function int8Bytes(elements: number): number {
  return elements + SCALE_BYTES * Math.ceil(elements / BLOCK);
}

/** @param to may be `from` */
export function roundInt8(from: Float32Array, to: Float32Array): void {
  for (const [begin, end] of blocks(from.length)) {
    const scale = scaleOf(from, begin, end);
    for (let i = begin; i < end; i += 1) {
      to[i] = scale > 0 ? stepsOf(from[i]!, scale) * scale : scale;
    }
  }
}

export function encodeInt8(from: Float32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [begin, end] of blocks(from.length)) {
    const scale = scaleOf(from, begin, end);
    const at = int8Bytes(begin);
    view.setFloat32(at, scale, true);
    for (let i = begin; i < end; i += 1) {
      view.setInt8(at + SCALE_BYTES + i - begin, scale > 0 ? stepsOf(from[i]!, scale) : 0);
    }
  }
}

export function decodeInt8(bytes: Uint8Array, to: Float32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [begin, end] of blocks(to.length)) {
    const at = int8Bytes(begin);
    const scale = view.getFloat32(at, true);
    for (let i = begin; i < end; i += 1) {
      to[i] = view.getInt8(at + SCALE_BYTES + i - begin) * scale;
    }
  }
}

function scaleOf(values: Float32Array, begin: number, end: number): number {
  let largest = 0;
  for (let i = begin; i < end; i += 1) {
    const magnitude = Math.abs(values[i]!);
    if (!Number.isFinite(magnitude)) return NaN;
    if (magnitude > largest) largest = magnitude;
  }
  if (largest < LEAST) return 0;
  scalar[0] = largest / 127;
  word[0] = word[0]! & ~0xff;
  return scalar[0];
}

function stepsOf(value: number, scale: number): number {
  return Math.fround(Math.fround(value / scale) + ROUNDER) - ROUNDER;
}

function* blocks(length: number): Generator<[number, number]> {
  for (let at = 0; at < length; at += BLOCK) yield [at, Math.min(at + BLOCK, length)];
}
