/** The kernels written in WebAssembly, by themselves over a memory of their own, against the definition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  advance,
  assembleModule,
  local,
  repeat,
  v128,
} from '../../src/engine/assembly/assembler.ts';
import { compileKernels, instantiateKernels } from '../../src/engine/wasm/kernels/kernels.ts';
import { PANEL, TILE_ROWS } from '../../src/engine/wasm/kernels/matrix-kernels.ts';
import { assertClose, centredValues } from '../support/made/nn-arrays.ts';

/** Sums of some hundred products of float32. */
const FLOAT32_SUMS = 2e-6;

/** A memory that hands out arrays one behind the other. */
function createHeap() {
  const memory = new WebAssembly.Memory({ initial: 4 });
  let end = 64;
  return {
    memory,
    floats: (values: ArrayLike<number>) => {
      const array = new Float32Array(memory.buffer, end, values.length);
      array.set(values);
      end += array.byteLength;
      return array;
    },
    ints: (values: ArrayLike<number>) => {
      const array = new Int32Array(memory.buffer, end, values.length);
      array.set(values);
      end += array.byteLength;
      return array;
    },
  };
}

function createKernels(memory: WebAssembly.Memory, allowFused: boolean) {
  return instantiateKernels(compileKernels(false, allowFused).module, memory);
}

test('an assembled loop runs as often as it says, with offsets and steps of one byte and more', () => {
  for (const [step, offset, count] of [
    [16, 0, 3],
    [-16, 48, 2],
    [64, 128, 4],
    [-8208, 20_000, 5],
    [8192, 8192, 5],
  ] as const) {
    const memory = new WebAssembly.Memory({ initial: 4 });
    const floats = new Float32Array(memory.buffer);
    floats.set(centredValues(4, floats.length / 2));
    const [from, to, times] = [0, 1, 2];
    const body = repeat(times, [
      ...[...local.get(to), ...local.get(from), ...v128.load(offset), ...v128.store(0)],
      ...[...advance(from, step), ...advance(to, 16)],
    ]);
    const copy = { name: 'copy', params: 3, i32Locals: 0, v128Locals: 0, body };
    const module = new WebAssembly.Module(assembleModule([copy]));
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const [source, target] = [40_000, floats.byteLength / 2];
    (exports['copy'] as (from: number, to: number, times: number) => void)(source, target, count);
    const expected = Array.from({ length: count + 1 }, (_, i) => {
      const at = (source + offset + i * step) / 4;
      return i < count ? [...floats.subarray(at, at + 4)] : [0, 0, 0, 0];
    });
    const copied = floats.subarray(target / 4, target / 4 + 4 * (count + 1));
    assert.deepEqual([...copied], expected.flat(), `${step} ${offset}`);
  }
});

for (const allowFused of [true, false]) {
  const kind = allowFused ? 'fused if possible' : 'never fused';

  for (let height = 1; height <= TILE_ROWS; height += 1) {
    test(`${height} windows times a matrix, with bias and floor, ${kind}`, () => {
      const [segments, segmentLength, step, panels] = [3, 7, 10, 2];
      const heap = createHeap();
      const { windowsTimesMatrix } = createKernels(heap.memory, allowFused);
      const a = heap.floats(centredValues(1, 60));
      const begins = [0, 11, 2, 30].slice(0, height);
      const rows = [32, 0, 48, 16].slice(0, height);
      const elements = segments * segmentLength;
      const b = heap.floats(centredValues(2, elements * panels * PANEL));
      const bias = heap.floats(centredValues(3, panels * PANEL));
      const floor = heap.floats([-0.1]);
      const out = heap.floats(new Float32Array(64).fill(9));
      const windowOffsets = heap.ints(begins.map((begin) => 4 * begin));
      const outOffsets = heap.ints(rows.map((row) => 4 * row));
      windowsTimesMatrix[height]!(
        a.byteOffset,
        windowOffsets.byteOffset,
        out.byteOffset,
        outOffsets.byteOffset,
        b.byteOffset,
        bias.byteOffset,
        floor.byteOffset,
        panels,
        segments,
        segmentLength,
        4 * (step - segmentLength),
      );
      const expected = new Float64Array(64).fill(9);
      for (const [i, row] of rows.entries()) {
        for (let column = 0; column < panels * PANEL; column += 1) {
          let sum = bias[column]!;
          for (let e = 0; e < elements; e += 1) {
            const at = begins[i]! + step * Math.floor(e / segmentLength) + (e % segmentLength);
            const panel = Math.floor(column / PANEL);
            sum += a[at]! * b[(panel * elements + e) * PANEL + (column % PANEL)]!;
          }
          expected[row + column] = Math.max(sum, floor[0]!);
        }
      }
      assertClose(out, expected, FLOAT32_SUMS);
    });

    test(`outer products of ${height} elements are added to what is there, ${kind}`, () => {
      const [windows, panels, outColumns] = [5, 2, 18];
      const columns = panels * PANEL;
      const heap = createHeap();
      const kernels = createKernels(heap.memory, allowFused);
      const a = heap.floats(centredValues(1, windows * TILE_ROWS));
      const b = heap.floats(centredValues(2, windows * columns));
      const before = centredValues(3, height * outColumns);
      const expected = Float64Array.from(before, (value, at) => {
        const [i, column] = [Math.floor(at / outColumns), at % outColumns];
        if (column >= columns) return value;
        let sum = value;
        for (let m = 0; m < windows; m += 1) {
          const row = Math.floor(column / PANEL) * windows + m;
          sum += a[m * TILE_ROWS + i]! * b[row * PANEL + (column % PANEL)]!;
        }
        return sum;
      });
      for (const multiply of [kernels.addOuterProducts, kernels.continueOuterProducts]) {
        const out = heap.floats(before);
        const [from, along, to] = [a.byteOffset, b.byteOffset, out.byteOffset];
        multiply[height]!(from, windows, along, to, 4 * outColumns, panels);
        assertClose(out, expected, FLOAT32_SUMS);
      }
    });

    test(`a tile of ${height} elements of each window is gathered`, () => {
      const heap = createHeap();
      const { gatherTile } = createKernels(heap.memory, allowFused);
      const a = heap.floats(centredValues(1, 40));
      const begins = [0, 9, 3, 30, 17];
      const windowOffsets = heap.ints(begins.map((begin) => 4 * begin));
      const target = heap.floats(new Float32Array(begins.length * TILE_ROWS).fill(9));
      const { byteOffset } = windowOffsets;
      gatherTile[height]!(a.byteOffset, byteOffset, begins.length, target.byteOffset);
      const expected = begins.flatMap((begin) =>
        Array.from({ length: TILE_ROWS }, (_, i) => (i < height ? a[begin + i]! : 9)),
      );
      assert.deepEqual([...target], expected);
    });
  }
}

test('outer products that go on from what is there have the bits of a product with windows', () => {
  const [elements, first] = [37, 14];
  const heap = createHeap();
  const kernels = createKernels(heap.memory, true);
  const a = heap.floats(centredValues(1, TILE_ROWS * elements));
  const turned = heap.floats(
    Float32Array.from(a, (_, at) => a[(at % TILE_ROWS) * elements + Math.floor(at / TILE_ROWS)]!),
  );
  const b = heap.floats(centredValues(2, elements * PANEL));
  const [bias, floor] = [heap.floats(new Float32Array(PANEL)), heap.floats([-Infinity])];
  const rows = Array.from({ length: TILE_ROWS }, (_, i) => i);
  const windowOffsets = heap.ints(rows.map((i) => 4 * i * elements));
  const outOffsets = heap.ints(rows.map((i) => 4 * i * PANEL));
  const [whole, parts] = [1, 2].map(() => heap.floats(new Float32Array(TILE_ROWS * PANEL))) as [
    Float32Array,
    Float32Array,
  ];
  kernels.windowsTimesMatrix[TILE_ROWS]!(
    a.byteOffset,
    windowOffsets.byteOffset,
    whole.byteOffset,
    outOffsets.byteOffset,
    b.byteOffset,
    bias.byteOffset,
    floor.byteOffset,
    1,
    1,
    elements,
    0,
  );
  for (const [begin, count] of [
    [0, first],
    [first, elements - first],
  ] as const) {
    const at = turned.byteOffset + 4 * TILE_ROWS * begin;
    const along = b.byteOffset + 4 * PANEL * begin;
    const to = parts.byteOffset;
    kernels.continueOuterProducts[TILE_ROWS]!(at, count, along, to, 4 * PANEL, 1);
  }
  assert.deepEqual(parts, whole);
});

test('column sums are added in float64', () => {
  const [rows, channels, groups] = [6, 11, 2];
  const heap = createHeap();
  const { addColumnSums } = createKernels(heap.memory, true);
  // 2^24 + 1 is no float32: a sum in float32 would stay at 2^24.
  const a = heap.floats(
    centredValues(1, rows * channels).map((v, i) => (i === 0 ? 2 ** 24 : v + 1)),
  );
  const b = heap.floats(centredValues(2, rows * channels));
  const sums = new Float64Array(heap.memory.buffer, 4096, groups * 8);
  sums.fill(0.5);
  const { byteOffset: unused } = b;
  addColumnSums(a.byteOffset, b.byteOffset, unused, 4 * channels, rows, sums.byteOffset, groups);
  for (let c = 0; c < 4 * groups; c += 1) {
    let [sum, product] = [0.5, 0.5];
    for (let row = 0; row < rows; row += 1) {
      sum += a[row * channels + c]!;
      product += a[row * channels + c]! * b[row * channels + c]!;
    }
    const at = 8 * Math.floor(c / 4) + (c % 4);
    assert.deepEqual([sums[at], sums[at + 4]], [sum, product], `channel ${c}`);
  }
});
