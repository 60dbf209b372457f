/**
 * Where each layer's numbers lie in the flat vectors, and how they begin. Names are those of the reference's PyTorch
 * modules, so that a checkpoint explains itself. Convolutions are [kh, kw, in, out], fully connected layers [in, out].
 */
import type {
  InitialRule,
  ParameterLayout,
  StatisticSpec,
  VariableGroup,
  VariableSpec,
} from '../ps/layout.ts';
import { plainLayers, type Layer, type ResidualLayer } from './layers.ts';

type PlainLayer = Exclude<Layer, ResidualLayer>;

/** A variable or statistic before its place is known. */
type Unplaced = Pick<VariableSpec, 'name' | 'shape' | 'initial' | 'group'> &
  Pick<StatisticSpec, 'momentum'>;

export function layoutOf(architecture: string, layers: readonly Layer[]): ParameterLayout {
  const plain = plainLayers(layers);
  const variables = placed(plain.flatMap(variablesOf));
  const statistics = placed(plain.flatMap(statisticsOf));
  return {
    architecture,
    variables: variables.specs,
    statistics: statistics.specs.map(({ group: _group, ...spec }): StatisticSpec => spec),
    parameterCount: variables.count,
    statisticCount: statistics.count,
  };
}

const ZERO: InitialRule = { kind: 'constant', value: 0 };
const ONE: InitialRule = { kind: 'constant', value: 1 };

function variablesOf(layer: PlainLayer): Unplaced[] {
  switch (layer.kind) {
    case 'conv': {
      const { name, kernel, inChannels, outChannels, initialStd: std, hasBias } = layer;
      const shape = [kernel, kernel, inChannels, outChannels];
      const both = pair(name, 'body', shape, { kind: 'normal', std }, ZERO);
      return hasBias ? both : both.slice(0, 1);
    }
    case 'batchNorm':
      return layer.isAffine ? pair(layer.name, 'body', [layer.channels], ONE, ZERO) : [];
    case 'dense': {
      const { name, group, inFeatures, outFeatures, initialStd: std } = layer;
      return pair(name, group, [inFeatures, outFeatures], { kind: 'normal', std }, ZERO);
    }
    case 'cosine': {
      const { name, inFeatures, outFeatures } = layer;
      // Directions of about length 1, evenly spread.
      const initial: InitialRule = { kind: 'normal', std: 1 / Math.sqrt(inFeatures) };
      const shape = [inFeatures, outFeatures];
      return [{ name: `${name}.weight`, shape, group: 'body', initial }];
    }
    default:
      return [];
  }
}

function pair(
  name: string,
  group: VariableGroup,
  shape: readonly number[],
  weight: InitialRule,
  bias: InitialRule,
): Unplaced[] {
  return [
    { name: `${name}.weight`, shape, group, initial: weight },
    { name: `${name}.bias`, shape: [shape.at(-1)!], group, initial: bias },
  ];
}

function statisticsOf(layer: PlainLayer): Unplaced[] {
  if (layer.kind !== 'batchNorm') return [];
  const common = { shape: [layer.channels], group: 'body' } as const;
  const own = layer.momentum === null ? common : { ...common, momentum: layer.momentum };
  return [
    { name: `${layer.name}.running_mean`, ...own, initial: ZERO },
    { name: `${layer.name}.running_var`, ...own, initial: ONE },
  ];
}

/** Lays the arrays end to end, in their order. */
function placed(specs: readonly Unplaced[]): { specs: VariableSpec[]; count: number } {
  let count = 0;
  const result = specs.map((unplaced) => {
    const size = unplaced.shape.reduce((product, side) => product * side, 1);
    const spec: VariableSpec = { ...unplaced, offset: count, size };
    count += size;
    return spec;
  });
  return { specs: result, count };
}
