/** Initial values out of a file: names of torchvision and ours, what is new all the same, and what is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { encodeSafetensors, type NamedArrays } from '../../src/arrays/safetensors.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { toPytorch } from '../../src/nn/pytorch-names.ts';
import { initialParameters } from '../../src/ps/initial-values.ts';
import { bodyCount } from '../../src/ps/layout.ts';
import { vectorOf } from '../../src/rpc/named-vectors.ts';
import { initialWeights } from '../../src/run/initial-weights.ts';
import { PLAIN_LAYOUT } from '../support/made/layouts.ts';

const folder = mkdtempSync(join(tmpdir(), 'deepcluster-test-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const file = join(folder, 'weights.safetensors');

const configOf = (model: Record<string, unknown>) =>
  runConfigSchema().parse({
    data: { imageSize: 32 },
    clustering: { k: 3 },
    model: { ...model, initialWeights: file },
  });
const SMALL = { architecture: 'small-convnet', width: 4, featureDim: 8 };
const RESNET = { architecture: 'resnet50', sobel: false, neck: 'odc', neckHidden: 8, neckDim: 8 };

/** The network of a configuration with every number its index, as PyTorch's arrays. */
function networkOf(config: ReturnType<typeof configOf>) {
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  const counted = (length: number) => Float32Array.from({ length }, (_, i) => i);
  const parameters = counted(spec.layout.parameterCount);
  const statistics = counted(spec.layout.statisticCount);
  return { spec, parameters, statistics, arrays: toPytorch(spec, parameters, statistics) };
}

function without(arrays: NamedArrays, pattern: RegExp): NamedArrays {
  return Object.fromEntries(Object.entries(arrays).filter(([name]) => !pattern.test(name)));
}

test('no file, no values', async () => {
  const config = configOf(SMALL);
  const none = { ...config, model: { ...config.model, initialWeights: null } };
  assert.equal(await initialWeights(none), null);
});

test('ResNet-50 takes the names of torchvision; its classifier and counts are passed over, head and neck are new', async () => {
  const config = configOf(RESNET);
  const { spec, parameters, statistics, arrays } = networkOf(config);
  const torchvision = Object.entries(without(arrays, /^(neck|head)\./)).map(
    ([name, array]) => [name.replace('backbone.', ''), array] as const,
  );
  const head = { data: new Float32Array(10), shape: [5, 2] };
  const bytes = encodeSafetensors({ ...Object.fromEntries(torchvision), 'fc.weight': head });
  writeFileSync(file, withCount(bytes));
  const { version, headEpoch, vectors } = (await initialWeights(config))!;
  assert.deepEqual([version, headEpoch], [0, -1]);
  const random = initialParameters(spec.layout, config.seed);
  for (const { name, offset, size } of spec.layout.variables) {
    const expected = name.startsWith('backbone.') ? parameters : random;
    const got = vectors.get('parameters')!.subarray(offset, offset + size);
    assert.deepEqual(got, expected.subarray(offset, offset + size), name);
  }
  const backbone = spec.layout.statistics.filter(({ name }) => name.startsWith('backbone.'));
  const { offset, size } = backbone.at(-1)!;
  const given = vectors.get('statistics')!;
  assert.deepEqual(given.subarray(0, offset + size), statistics.subarray(0, offset + size));
  assert.deepEqual([...new Set(given.subarray(offset + size))], [0, 1]);
  assert.deepEqual(vectors.get('momentum'), new Float32Array(bodyCount(spec.layout)));
});

/** The same file with a count in I64, as PyTorch's batch norms have: its bytes are the first of the data. */
function withCount(bytes: Uint8Array): Uint8Array {
  const length = Number(Buffer.from(bytes).readBigUInt64LE(0));
  type Spec = { dtype: string; shape: number[]; data_offsets: [number, number] };
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString()) as Record<
    string,
    Spec
  >;
  for (const { data_offsets: places } of Object.values(header)) {
    places[0] += 8;
    places[1] += 8;
  }
  header['bn1.num_batches_tracked'] = { dtype: 'I64', shape: [], data_offsets: [0, 8] };
  const json = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([size, json, Buffer.alloc(8), bytes.subarray(8 + length)]);
}

test('a file that has the neck gives it, too', async () => {
  const config = configOf(RESNET);
  const { spec, parameters, arrays } = networkOf(config);
  writeFileSync(file, encodeSafetensors(arrays));
  const body = bodyCount(spec.layout);
  const got = vectorOf((await initialWeights(config))!, 'parameters');
  assert.deepEqual(got.subarray(0, body), parameters.subarray(0, body));
  assert.notDeepEqual(got.subarray(body), parameters.subarray(body));
});

test('what is missing, of another type or no number is refused in one line', async () => {
  const config = configOf(SMALL);
  const { arrays } = networkOf(config);
  const refusal = async (content: NamedArrays | Uint8Array): Promise<string> => {
    const bytes = content instanceof Uint8Array ? content : encodeSafetensors(content);
    writeFileSync(file, bytes);
    const error = await initialWeights(config).then(
      () => assert.fail('taken'),
      (reason: unknown) => reason as Error & { code: string },
    );
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message.replace(file, 'FILE');
  };
  assert.match(
    await refusal(without(arrays, /^features\.1\.running_var$/)),
    /^weights FILE: array features\.1\.running_var: expected shape \[4\], got \[no such array\]; they must be of/,
  );
  const name = 'classifier.1.bias';
  const { data, shape } = arrays[name]!;
  const wide = { data: Float64Array.from(data), shape };
  assert.equal(
    await refusal({ ...arrays, [name]: wide }),
    'weights FILE: array classifier.1.bias: expected F32, got Float64Array; save it as float32',
  );
  const broken = { data: data.map((value, i) => (i === 3 ? NaN : value)), shape };
  assert.match(
    await refusal({ ...arrays, [name]: broken }),
    /array classifier\.1\.bias has NaN among/,
  );
  const halves = encodeSafetensors({ [name]: { data: new Uint8Array(16), shape: [16] } });
  const asHalves = Buffer.from(halves).toString('latin1').replace('"U8"', '"F16"');
  // One character more in the type, one less in the shape: the header keeps its length.
  const bytes = Buffer.from(asHalves.replace('[16]', '[8]'), 'latin1');
  assert.match(await refusal(bytes), /array classifier\.1\.bias: expected F32, got F16; save it/);
});

test('workers of another layout are no workers of this network', async () => {
  const config = configOf(SMALL);
  writeFileSync(file, encodeSafetensors(networkOf(config).arrays));
  await assert.rejects(initialWeights(config, PLAIN_LAYOUT), { code: 'PROTOCOL_VIOLATION' });
});
