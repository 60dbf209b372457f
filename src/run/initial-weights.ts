/**
 * The values that a run begins with where a file gives them, in place of random ones: a
 * safetensors file with the names and shapes of PyTorch's modules, as `export` writes it or
 * torchvision's networks have it. The head is always new, and so is a neck that the file does not
 * have. No tensor library here: the coordinator reads it. Shapes: P parameters, S statistics.
 */
import { readFile } from 'node:fs/promises';
import { decodeSafetensors, type DecodedArrays } from '../arrays/safetensors.ts';
import type { RunConfig } from '../config/schema.ts';
import { TrainerError, messageOf, protocolViolation } from '../errors.ts';
import { firstNonFinite } from '../math/checks.ts';
import { describeModel, type ModelSpec } from '../nn/architectures.ts';
import { fromPytorch, type PytorchArrays } from '../nn/pytorch-names.ts';
import { initialParameters, initialStatistics } from '../ps/initial-values.ts';
import { bodyCount, layoutHash, type ParameterLayout, type StatisticSpec } from '../ps/layout.ts';
import type { NamedVectors } from '../rpc/named-vectors.ts';

/** Our ResNet-50's arrays begin with it, torchvision's do not. */
const BACKBONE = 'backbone.';
const NECK = 'neck.';

/** What of a configuration decides the values. */
type Described = Pick<RunConfig, 'model' | 'data' | 'clustering' | 'seed'>;

/**
 * State of the servers before the first step; null where the configuration names no file.
 * @param layout of the run's workers; left out: that of the configuration's network
 * @throws TrainerError CONFIG_INVALID for a file that cannot be read or is of another network,
 *   PROTOCOL_VIOLATION for another layout
 */
export async function initialWeights(
  config: Described,
  layout?: ParameterLayout,
): Promise<NamedVectors | null> {
  const { initialWeights: path } = config.model;
  if (path === null) return null;
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  requireLayout(spec.layout, layout);
  const arrays = await readArrays(path, spec);
  const { parameters, statistics } = valuesOf(path, spec, config.seed, arrays);
  const momentum = new Float32Array(bodyCount(spec.layout));
  const vectors = { parameters, statistics, momentum };
  return { version: 0, headEpoch: -1, vectors: new Map(Object.entries(vectors)) };
}

function requireLayout(own: ParameterLayout, layout: ParameterLayout = own): void {
  const [expected, got] = [layoutHash(own), layoutHash(layout)];
  if (expected === got) return;
  throw protocolViolation(
    'parameter layout',
    expected,
    got,
    'run the same release on every process',
  );
}

/** The file's arrays under our names. */
async function readArrays(path: string, spec: ModelSpec): Promise<PytorchArrays> {
  let decoded: DecodedArrays;
  try {
    const bytes = await readFile(path);
    const context = { what: 'as safetensors', code: 'CONFIG_INVALID', takesOthers: true } as const;
    decoded = decodeSafetensors(bytes, context);
  } catch (error) {
    throw weightsInvalid(path, `cannot be read (${messageOf(error)})`);
  }
  const { arrays, others } = decoded;
  const isResidual = spec.layers.some(({ kind }) => kind === 'residual');
  const prefix = isResidual && !hasPrefix(arrays, BACKBONE) ? BACKBONE : '';
  const named: Record<string, PytorchArrays[string]> = {};
  const wanted = new Set(
    [...spec.layout.variables, ...spec.layout.statistics].map(({ name }) => name),
  );
  const ourName = (name: string): string => (wanted.has(name) ? name : `${prefix}${name}`);
  for (const [name, { data, shape }] of Object.entries(arrays)) {
    if (!wanted.has(ourName(name))) continue;
    if (!(data instanceof Float32Array)) throw ofOtherType(path, name, data.constructor.name);
    named[ourName(name)] = { data, shape };
  }
  for (const [name, dtype] of others)
    if (wanted.has(ourName(name))) throw ofOtherType(path, name, dtype);
  return named;
}

function hasPrefix(arrays: object, prefix: string): boolean {
  return Object.keys(arrays).some((name) => name.startsWith(prefix));
}

/** Random values, and over them those of the file. */
function valuesOf(
  path: string,
  { architecture, sobel, layers, layout }: ModelSpec,
  seed: number,
  arrays: PytorchArrays,
): { parameters: Float32Array; statistics: Float32Array } {
  const hasNeck = hasPrefix(arrays, NECK);
  const isGiven = ({ name }: StatisticSpec): boolean => hasNeck || !name.startsWith(NECK);
  const variables = layout.variables.filter((spec) => spec.group === 'body' && isGiven(spec));
  const statistics = layout.statistics.filter(isGiven);
  let read: { parameters: Float32Array; statistics: Float32Array };
  try {
    read = fromPytorch({ layers, layout: { ...layout, variables, statistics } }, arrays);
  } catch (error) {
    const network = `model.architecture ${architecture}, model.sobel ${sobel}`;
    throw weightsInvalid(
      path,
      `${messageOf(error)}; they must be of the run's network (${network})`,
    );
  }
  const values = {
    parameters: initialParameters(layout, seed),
    statistics: initialStatistics(layout),
  };
  for (const [into, from, specs] of [
    [values.parameters, read.parameters, variables],
    [values.statistics, read.statistics, statistics],
  ] as const) {
    for (const { name, offset, size } of specs) {
      const part = from.subarray(offset, offset + size);
      const bad = firstNonFinite(part);
      if (bad >= 0) throw weightsInvalid(path, `array ${name} has ${part[bad]} among its numbers`);
      into.set(part, offset);
    }
  }
  return values;
}

function ofOtherType(path: string, name: string, type: string): TrainerError {
  return weightsInvalid(path, `array ${name}: expected F32, got ${type}; save it as float32`);
}

function weightsInvalid(path: string, problem: string): TrainerError {
  return new TrainerError('CONFIG_INVALID', `weights ${path}: ${problem}`, { path });
}
