/** Engine order to PyTorch's and back: known places of elements, names, the round trip, refused arrays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeModel } from '../../src/nn/architectures.ts';
import { modelConfigSchema } from '../../src/nn/config.ts';
import { fromPytorch, pytorchArray, toPytorch } from '../../src/nn/pytorch-names.ts';

/** Side of the maps that the small network flattens at 64 px, and their channels. */
const [SIDE, CHANNELS] = [2, 16];
const FEATURE_DIM = 8;
const spec = describeModel(
  modelConfigSchema.parse({ architecture: 'small-convnet', width: 4, featureDim: FEATURE_DIM }),
  64,
  3,
);
const { layout } = spec;

/** Each element is its own index. */
const counted = (length: number) => Float32Array.from({ length }, (_, i) => i);
const parameters = counted(layout.parameterCount);
const statistics = counted(layout.statisticCount);
const arrays = toPytorch(spec, parameters, statistics);

const element = (name: string, ...index: number[]) => {
  const { data, shape } = arrays[name]!;
  return data[index.reduce((at, i, axis) => at * shape[axis]! + i, 0)];
};

const offsetOf = (name: string) => layout.variables.find((v) => v.name === name)!.offset;

test('a convolution [kh, kw, in, out] becomes [out, in, kh, kw]', () => {
  assert.deepEqual(arrays['features.0.weight']!.shape, [4, 2, 5, 5]);
  const at = (y: number, x: number, c: number, o: number) => ((y * 5 + x) * 2 + c) * 4 + o;
  assert.equal(element('features.0.weight', 3, 1, 4, 2), at(4, 2, 1, 3));
  assert.equal(element('features.0.weight', 0, 0, 0, 1), at(0, 1, 0, 0));
  assert.equal(element('features.0.weight', 1, 0, 2, 0), at(2, 0, 0, 1));
});

test('the fully connected layer behind the maps has its inputs in the order (channel, y, x)', () => {
  const name = 'classifier.1.weight';
  assert.deepEqual(arrays[name]!.shape, [FEATURE_DIM, CHANNELS * SIDE * SIDE]);
  for (const [o, c, y, x] of [
    [0, 0, 0, 1],
    [0, 1, 0, 0],
    [5, 11, 1, 0],
    [FEATURE_DIM - 1, CHANNELS - 1, SIDE - 1, SIDE - 1],
  ] as const) {
    const engine = ((y * SIDE + x) * CHANNELS + c) * FEATURE_DIM + o;
    assert.equal(element(name, o, (c * SIDE + y) * SIDE + x), offsetOf(name) + engine);
  }
});

test('a fully connected layer behind another is transposed only', () => {
  assert.deepEqual(arrays['top_layer.weight']!.shape, [3, FEATURE_DIM]);
  const begin = offsetOf('top_layer.weight');
  assert.equal(element('top_layer.weight', 2, 5), begin + 5 * 3 + 2);
});

test('vectors stay as they are', () => {
  const begin = offsetOf('features.5.bias');
  assert.deepEqual(
    [...arrays['features.5.bias']!.data],
    [0, 1, 2, 3, 4, 5, 6, 7].map((i) => begin + i),
  );
  assert.deepEqual([...arrays['features.1.running_var']!.data], [4, 5, 6, 7]);
});

test('names are those of the layout, each once, in its order', () => {
  const names = [...layout.variables, ...layout.statistics].map(({ name }) => name);
  assert.deepEqual(Object.keys(arrays), names);
});

test('there and back are the same bits', () => {
  assert.deepEqual(fromPytorch(spec, arrays), { parameters, statistics });
});

test('one entry alone is the one of all', () => {
  for (const variable of layout.variables) {
    assert.deepEqual(pytorchArray(spec, variable, parameters), arrays[variable.name]);
  }
});

test('a state dict may have more arrays, but none missing or of another shape', () => {
  const more = { data: Float32Array.of(7), shape: [] };
  const dict = { ...arrays, 'features.1.num_batches_tracked': more };
  assert.deepEqual(fromPytorch(spec, dict).parameters, parameters);
  const fewer = Object.fromEntries(Object.entries(arrays).filter(([n]) => n !== 'top_layer.bias'));
  assert.throws(() => fromPytorch(spec, fewer), {
    code: 'SHAPE_MISMATCH',
    message: 'array top_layer.bias: expected shape [3], got [no such array]',
  });
  const { data } = arrays['top_layer.weight']!;
  const turned = { ...arrays, 'top_layer.weight': { data, shape: [FEATURE_DIM, 3] } };
  assert.throws(() => fromPytorch(spec, turned), {
    message: 'array top_layer.weight: expected shape [3, 8], got [8, 3]',
  });
  const short = { ...arrays, 'top_layer.bias': { data: data.subarray(0, 2), shape: [3] } };
  assert.throws(() => fromPytorch(spec, short), { code: 'SHAPE_MISMATCH', message: /elements of/ });
  assert.throws(() => toPytorch(spec, parameters.subarray(1), statistics), {
    code: 'SHAPE_MISMATCH',
  });
});
