/**
 * What a run's checkpoint holds, and how the run is put together again from it: parameters,
 * momentum, statistics, clustering, plan position, ledger, record. Everything that decides the
 * future is in it; the rest follows from the configuration.
 */
import { z } from 'zod';
import type { StrategyState } from '../algorithms/strategy.ts';
import { arrayOf } from '../arrays/bundle.ts';
import type { Checkpoint, CheckpointContent } from '../checkpoint/checkpoint.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';
import type { RunConfig } from '../config/schema.ts';
import { checkpointCorrupt, messageOf } from '../errors.ts';
import { firstNonFinite } from '../math/checks.ts';
import { firstIssue } from '../messages/schema-issue.ts';
import { validateLayout, type ParameterLayout } from '../ps/layout.ts';
import { vectorOf, type NamedVectors } from '../rpc/named-vectors.ts';
import type { FinalClusterFigures } from '../report/summary.ts';
import type { Ledger } from './ledger.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { finalFromArrays, finalToArrays, type FinalClustering } from './final-clustering.ts';
import type { RecordState } from './record-state.ts';

/** Where the run stands: before the clustering of `epoch`, or in its training at step `index`. */
export interface RunPosition {
  readonly epoch: number;
  readonly stage: 'cluster' | 'train';
  /** Step within the epoch that comes next. */
  readonly index: number;
  /**
   * Global number of the epoch's first step, less those steps of it that were skipped, so that
   * `index` is beyond it what the number of the next step is; of the next step, before the
   * clustering.
   */
  readonly firstStep: number;
}

/** An image that takes no part. */
export interface LeftOutImage extends UnreadableImage {
  /** The first step that it takes no part in. */
  readonly step: number;
}

export interface RunSnapshot {
  readonly runId: string;
  readonly config: RunConfig;
  readonly dataDigest: string;
  readonly layout: ParameterLayout;
  readonly position: RunPosition;
  readonly ledger: Ledger;
  /** Images with a pseudo-label that take no part all the same. */
  readonly leftOut: readonly LeftOutImage[];
  readonly record: RecordState;
  readonly recordArrays: NamedArrays;
  readonly parameters: NamedVectors;
  readonly strategy: StrategyState;
  /** Null until all epochs are done and the images clustered once more. */
  readonly final: FinalClustering | null;
}

const count = z.int().min(0);

/** An image that cannot be read, or only in part. */
const imageSchema = z.looseObject({ id: count, path: z.string(), reason: z.string() });

/**
 * The form of a checkpoint's `state`; what is plain numbers of our own making is taken as it is.
 */
const stateSchema = z.object({
  runId: z.string().min(1),
  config: z.unknown(),
  dataDigest: z.string(),
  layout: z.unknown(),
  position: z.object({
    epoch: z.int().min(0),
    stage: z.enum(['cluster', 'train']),
    index: z.int().min(0),
    firstStep: z.int(),
  }),
  parameters: z.object({ version: z.int().min(0), headEpoch: z.int().min(-1) }),
  ledger: z.object({
    epoch: z.int().min(-1),
    length: count,
    committed: count,
    skipped: count.default(0),
    committedTotal: count,
    skippedTotal: count.default(0),
    duplicates: count,
    returned: count,
  }),
  leftOut: z
    .array(z.object({ id: count, path: z.string(), reason: z.string(), step: count }))
    .default([]),
  record: z.looseObject({
    epochs: z.array(z.looseObject({ epoch: count, firstStep: count })),
    unreadable: z.array(imageSchema),
    damaged: z.array(imageSchema).default([]),
    processes: z.record(z.string(), z.object({ newest: z.string(), starts: count })),
  }),
  /** Of the algorithm. */
  counters: z.unknown().default(null),
  final: z
    .object({
      inertia: z.number(),
      refilled: count,
      nmiToTraining: z.number(),
      nmiToTruth: z.number().nullable(),
      emptyClusters: count,
      entropy: z.number(),
    })
    .nullable()
    .default(null),
});

const FINAL_FILE = 'final-clustering';

/** A snapshot as the checkpoint's state and files. */
export function toCheckpoint(snapshot: RunSnapshot): CheckpointContent {
  const { parameters, strategy, recordArrays, final, ...state } = snapshot;
  const { pseudoLabels, clustering, counters } = strategy;
  const memoryRows = parameters.vectors.get('memory-rows');
  return {
    state: {
      ...state,
      parameters: { version: parameters.version, headEpoch: parameters.headEpoch },
      counters,
      final: final?.figures ?? null,
    },
    files: {
      parameters: variablesOf(snapshot.layout, parameters),
      momentum: flat('momentum', vectorOf(parameters, 'momentum')),
      clustering: {
        ...clustering,
        'pseudo-labels': { data: pseudoLabels, shape: [pseudoLabels.length] },
      },
      record: recordArrays,
      ...(final === null ? {} : { [FINAL_FILE]: finalToArrays(final) }),
      ...(memoryRows ? { 'sample-memory': memoryOf(memoryRows, pseudoLabels.length) } : {}),
    },
  };
}

/** [N, d] */
function memoryOf(rows: Float32Array, images: number): NamedArrays {
  return { 'memory-rows': { data: rows, shape: [images, rows.length / images] } };
}

/**
 * @throws TrainerError CHECKPOINT_CORRUPT for one of another run, of another form, or whose parts
 *   do not fit each other
 */
export function fromCheckpoint(checkpoint: Checkpoint, runId: string): RunSnapshot {
  const parsed = stateSchema.safeParse(checkpoint.state);
  if (!parsed.success) {
    throw checkpointCorrupt(checkpoint.name, `its state ${firstIssue(parsed.error)}`);
  }
  const state = parsed.data;
  if (state.runId !== runId) {
    throw checkpointCorrupt(checkpoint.name, `it is one of run ${state.runId}, not of ${runId}`);
  }
  if (state.parameters.version !== checkpoint.step) {
    const steps = `step ${checkpoint.step} with parameters of step ${state.parameters.version}`;
    throw checkpointCorrupt(checkpoint.name, `it mixes steps: ${steps}`);
  }
  const layout = layoutOf(checkpoint.name, state.layout);
  const file = (name: string): NamedArrays => {
    const arrays = checkpoint.files[name];
    if (arrays === undefined) throw checkpointCorrupt(checkpoint.name, `no file ${name}`);
    return arrays;
  };
  const clustering = file('clustering');
  const pseudoLabels = arrayOf(clustering, 'pseudo-labels', Int32Array);
  const memory = checkpoint.files['sample-memory'];
  const { counters, final: figures, ...common } = state;
  const vectors = new Map([
    ['parameters', gather(file('parameters'), layout.variables, layout.parameterCount)],
    ['statistics', gather(file('parameters'), layout.statistics, layout.statisticCount)],
    ['momentum', arrayOf(file('momentum'), 'momentum', Float32Array)],
    ...memoryVectors(memory),
  ]);
  for (const [what, values] of vectors) requireFinite(checkpoint.name, what, values);
  return {
    ...common,
    config: state.config as RunConfig,
    layout,
    record: state.record as unknown as RecordState,
    recordArrays: file('record'),
    strategy: { pseudoLabels, clustering, counters },
    final:
      figures === null ? null : finalOf(checkpoint.name, figures, file(FINAL_FILE), pseudoLabels),
    parameters: { ...state.parameters, vectors },
  };
}

function finalOf(
  name: string,
  figures: FinalClusterFigures,
  arrays: NamedArrays,
  { length: images }: Int32Array,
): FinalClustering {
  const final = finalFromArrays(figures, arrays);
  const { clusters, details } = final;
  const { distances, seconds, secondDistances } = details;
  const lengths = [clusters, distances, seconds, secondDistances].map(({ length }) => length);
  if (lengths.every((length) => length === images)) return final;
  throw checkpointCorrupt(name, `final clusters of ${lengths.join(', ')} images, not of ${images}`);
}

/** A step may have taken values beyond float32: the checkpoint of the step before is better. */
function requireFinite(name: string, what: string, values: Float32Array): void {
  const bad = firstNonFinite(values);
  if (bad >= 0) throw checkpointCorrupt(name, `${what}[${bad}] is ${values[bad]}`);
}

function layoutOf(name: string, layout: unknown): ParameterLayout {
  try {
    validateLayout(layout);
    return layout;
  } catch (error) {
    throw checkpointCorrupt(name, messageOf(error));
  }
}

function memoryVectors(memory: NamedArrays | undefined): [string, Float32Array][] {
  return memory ? [['memory-rows', arrayOf(memory, 'memory-rows', Float32Array)]] : [];
}

/** The flat vectors as named variables, so that other tools can read the file. */
function variablesOf(layout: ParameterLayout, vectors: NamedVectors): NamedArrays {
  const named: Record<string, NamedArrays[string]> = {};
  for (const [name, specs] of [
    ['parameters', layout.variables],
    ['statistics', layout.statistics],
  ] as const) {
    const values = vectorOf(vectors, name);
    for (const spec of specs) {
      const data = values.subarray(spec.offset, spec.offset + spec.size);
      named[spec.name] = { data, shape: spec.shape };
    }
  }
  return named;
}

function gather(
  arrays: NamedArrays,
  specs: ParameterLayout['statistics'],
  count: number,
): Float32Array {
  const values = new Float32Array(count);
  for (const { name, offset } of specs) values.set(arrayOf(arrays, name, Float32Array), offset);
  return values;
}

function flat(name: string, data: Float32Array): NamedArrays {
  return { [name]: { data, shape: [data.length] } };
}
