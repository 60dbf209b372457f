/**
 * The values that a run begins with where a file gives them, in place of random ones: a safetensors
 * file or one of `torch.save`, with the names and shapes of PyTorch's modules, as `export` writes it
 * or torchvision's networks have it. The head is always new, and so is a neck that the file does not
 * have. No tensor library here: the coordinator reads it. Shapes: P parameters, S statistics.
 */
import type { RunConfig } from '../config/schema.ts';
import { messageOf, protocolViolation } from '../errors.ts';
import { firstNonFinite } from '../math/checks.ts';
import { describeModel, type ModelSpec } from '../nn/architectures.ts';
import { fromPytorch, type PytorchArray } from '../nn/pytorch-names.ts';
import { initialParameters, initialStatistics } from '../ps/initial-values.ts';
import { bodyCount, layoutHash, type ParameterLayout, type StatisticSpec } from '../ps/layout.ts';
import type { NamedVectors } from '../rpc/named-vectors.ts';
import { chooseWeights, type ChosenWeights } from './weights/chosen-weights.ts';
import { fittingSetting } from './weights/fitting-setting.ts';
import { readWeightsFile, weightsInvalid } from './weights/weights-file.ts';

const NECK = 'neck.';

/** What of a configuration decides the values. */
type Described = Pick<RunConfig, 'model' | 'data' | 'clustering' | 'seed'>;

/**
 * State of the servers before the first step; null where the configuration names no file.
 * @param layout of the run's workers; left out: that of the configuration's network
 * @param onTaken told from where in the file they are, and what was left out
 * @throws TrainerError CONFIG_INVALID for a file that cannot be read or is of another network,
 *   PROTOCOL_VIOLATION for another layout
 */
export async function initialWeights(
  config: Described,
  layout?: ParameterLayout,
  onTaken: (reason: string) => void = () => undefined,
): Promise<NamedVectors | null> {
  const { initialWeights: path } = config.model;
  if (path === null) return null;
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  requireLayout(spec.layout, layout);
  const chosen = chooseWeights(path, spec, await readWeightsFile(path));
  const { parameters, statistics } = valuesOf(path, spec, config, chosen);
  onTaken(chosen.reason);
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

/** Random values, and over them those of the file. */
function valuesOf(
  path: string,
  spec: ModelSpec,
  config: Described,
  { arrays, hasNeck }: ChosenWeights,
): { parameters: Float32Array; statistics: Float32Array } {
  const { architecture, sobel, layers, layout } = spec;
  const isGiven = ({ name }: StatisticSpec): boolean => hasNeck || !name.startsWith(NECK);
  const variables = layout.variables.filter((part) => part.group === 'body' && isGiven(part));
  const statistics = layout.statistics.filter(isGiven);
  const named = new Map<string, PytorchArray>();
  for (const [name, { shape, read }] of arrays) named.set(name, { data: read(), shape });
  let read: { parameters: Float32Array; statistics: Float32Array };
  try {
    const described = { layers, layout: { ...layout, variables, statistics } };
    read = fromPytorch(described, Object.fromEntries(named));
  } catch (error) {
    const network = `model.architecture ${architecture}, model.sobel ${sobel}`;
    const remedy = fittingSetting(config, spec, arrays);
    throw weightsInvalid(
      path,
      `${messageOf(error)}; they must be of the run's network (${network})` +
        (remedy === null ? '' : `: ${remedy}`),
    );
  }
  const values = {
    parameters: initialParameters(layout, config.seed),
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
