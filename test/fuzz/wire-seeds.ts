/**
 * Valid exchanges of every rpc, for the fuzzer to spoil: a network of twelve parameters, a sample memory of four rows, a worker
 * with a lease. Everything that says which layout is meant is in one place.
 */
import { encodeSafetensors, type NamedArrays } from '../../src/arrays/safetensors.ts';
import {
  relabellingToBundle,
  rowsToBundle,
  sliceToBundle,
} from '../../src/clustering/odc/bundles.ts';
import { layoutHash } from '../../src/ps/layout.ts';
import { planParameterShard } from '../../src/ps/parameter-plan.ts';
import { PROTOCOL_VERSION } from '../../src/rpc/definitions.ts';
import { chunkBytes, chunkVector } from '../../src/rpc/chunks.ts';
import { layoutOf } from '../support/made/layouts.ts';

/** A call of one rpc: its path, and the messages that the client sends. */
export interface Exchange {
  readonly path: string;
  readonly messages: readonly object[];
}

export const LAYOUT = layoutOf(
  'fuzzed',
  [
    {
      ...{ name: 'body.weight', shape: [2, 4], group: 'body' },
      initial: { kind: 'normal', std: 0.1 },
    },
    {
      ...{ name: 'head.weight', shape: [4], group: 'head' },
      initial: { kind: 'normal', std: 0.01 },
    },
  ],
  [{ name: 'body.running_mean', shape: [2], initial: { kind: 'constant', value: 0 } }],
);

const BODY = 8;
const SHAPE = { first: 0, stride: 1, count: 4, dim: 2, classes: 2 };
const WORKER = { workerId: 'worker-0', incarnation: 'first' };

/** What every call to the parameter server names. */
const IDENTITY = { planHash: planParameterShard(LAYOUT, 1, 0).hash, term: 1 };

const RESTORE_HEADER = {
  layoutJson: JSON.stringify(LAYOUT),
  trainingJson: JSON.stringify({ batchSize: 4, sliceSize: 2 }),
  ...{ seed: 1, parts: 1, part: 0, term: IDENTITY.term },
};

export const RESTORE_FRESH = parameters('Restore', [
  { header: { ...RESTORE_HEADER, fromSnapshot: false } },
]);

/** Of the last term there can be: whatever a server has been told before, it is taken. */
export const RESTORE_LAST = parameters('Restore', [
  { header: { ...RESTORE_HEADER, fromSnapshot: false, term: 2 ** 32 - 1 } },
]);

const RESTORE_SNAPSHOT = parameters('Restore', [
  { header: { ...RESTORE_HEADER, fromSnapshot: true, memory: SHAPE } },
  ...vector('parameters', LAYOUT.parameterCount),
  ...vector('statistics', LAYOUT.statisticCount),
  ...vector('momentum', BODY),
  ...vector('memory-rows', SHAPE.count * SHAPE.dim),
]);

const BEGIN = memory('BeginMemory', [{ ...IDENTITY, shape: SHAPE }]);

const ROWS = Float32Array.of(1, 0, 0, 1, 1, 0);
const FILL = memory('FillMemory', [
  { header: { ...IDENTITY, shard: 0, generation: 1 } },
  ...chunks(rowsToBundle({ ids: Int32Array.of(0, 1, 3), rows: ROWS }), 'chunk'),
]);

const SEAL = memory('SealMemory', [
  { header: { ...IDENTITY, step: 0 } },
  ...chunks({ pseudoLabels: { data: Int32Array.of(0, 1, -1, 1), shape: [4] } }, 'chunk'),
]);

/** @param rows whether the run has a sample memory */
function push(slice: number, rows: boolean): Exchange {
  const { parameterCount, statisticCount } = LAYOUT;
  const header = {
    ...IDENTITY,
    ...WORKER,
    ...{ step: 0, slice, generation: 1, basedOn: 0, samples: 2, slices: 1, stepSlices: 2 },
    gradientElements: parameterCount,
    statisticsElements: statisticCount,
  };
  const ids = Int32Array.of(slice === 0 ? 0 : 3);
  const slicesRows = { ids, rows: Float32Array.of(0, 1), pseudoLabels: Int32Array.of(1) };
  return parameters('Push', [
    { header },
    ...vectorChunks('gradient', new Float32Array(parameterCount).fill(0.5)),
    ...vectorChunks('statistics', new Float32Array(statisticCount).fill(1)),
    ...(rows ? chunks(sliceToBundle(slicesRows), 'memory') : []),
  ]);
}

const COMMITTED = {
  ...IDENTITY,
  step: 0,
  slices: [
    { slice: 0, generation: 1 },
    { slice: 1, generation: 1 },
  ],
  learningRateFactor: 1,
};

const PREPARE = parameters('Prepare', [COMMITTED]);
const COMMIT = parameters('Commit', [COMMITTED]);

const PULL = parameters('Pull', [{ ...IDENTITY, version: 0 }]);

/** What makes a parameter server be in one of the states that a run knows. */
export const SERVER_STATES: Readonly<Record<string, readonly Exchange[]>> = {
  empty: [],
  fresh: [RESTORE_FRESH],
  staged: [RESTORE_FRESH, push(0, false)],
  begun: [RESTORE_FRESH, BEGIN, FILL],
  sealed: [RESTORE_FRESH, BEGIN, FILL, SEAL],
  stepped: [RESTORE_FRESH, BEGIN, FILL, SEAL, push(0, true), push(1, true), PREPARE, COMMIT],
  restored: [RESTORE_SNAPSHOT, SEAL],
};

/** One of every kind that a parameter server takes. */
export const SERVER_EXCHANGES: readonly Exchange[] = [
  RESTORE_FRESH,
  RESTORE_SNAPSHOT,
  BEGIN,
  FILL,
  SEAL,
  push(0, false),
  push(1, false),
  push(0, true),
  push(1, true),
  PREPARE,
  COMMIT,
  PULL,
  parameters('ResetHead', [{ ...IDENTITY, epoch: 1 }]),
  parameters('Snapshot', [{ ...IDENTITY }]),
  memory('FetchRows', [{ ...IDENTITY, step: 0, ids: [0, 3] }]),
  memory('FetchRows', [{ ...IDENTITY, step: 1, ids: [0, 1, 3] }]),
  memory('FetchChange', [{ ...IDENTITY, step: 0 }]),
  memory('FetchClassSums', [{ ...IDENTITY, step: 0 }]),
  memory('Relabel', [
    { header: { ...IDENTITY, step: 0 } },
    ...chunks(
      relabellingToBundle({ ids: Int32Array.of(0), pseudoLabels: Int32Array.of(0) }),
      'chunk',
    ),
  ]),
];

/** A worker that comes and is ready. */
export function sessionOf(dataDigest: string, workerId = WORKER.workerId): Exchange {
  const hello = { protocolVersion: PROTOCOL_VERSION, ...WORKER, workerId, pid: 7 };
  const ready = {
    dataDigest,
    imageCount: 30,
    engine: 'wasm',
    layoutJson: JSON.stringify(LAYOUT),
    layoutHash: layoutHash(LAYOUT),
    featureName: 'features',
    featureDim: 8,
    holdings: [{ shard: 0, epoch: 0, parameterVersion: 0, projected: true }],
    representationName: 'features',
  };
  return coordinator('Session', [{ hello }, { ready }]);
}

const SERVER = {
  ...{ protocolVersion: PROTOCOL_VERSION, part: 0, incarnation: 'first', pid: 8 },
  address: '127.0.0.1:7071',
};

export const STATUS = coordinator('Status', [{}]);

/** One of every kind that a coordinator takes, from a worker that has this lease. */
export function coordinatorExchanges(dataDigest: string, leaseId: string): readonly Exchange[] {
  const header = {
    ...WORKER,
    leaseId,
    generation: 1,
    unreadable: [{ id: 3, path: 'a/b.jpg', reason: 'no such file' }],
    damaged: [{ id: 4, path: 'a/c.png', reason: 'a damaged or truncated PNG' }],
    ...{ seconds: 0.5, lossSums: [2], samples: 2, residentRows: 13, computeSeconds: 0.25 },
  };
  const arrays = { sums: { data: Float64Array.of(1, 2, 3, 4), shape: [2, 2] } };
  const failure = { code: 'UNAVAILABLE', message: 'the server is away' };
  return [
    sessionOf(dataDigest),
    coordinator('ServerSession', [{ hello: SERVER }, { beat: {} }, { leaving: {} }]),
    coordinator('Heartbeat', [{ ...WORKER, progress: 3 }]),
    coordinator('FetchArtifact', [{ ...WORKER, name: 'centroids-0' }]),
    coordinator('SubmitResult', [{ header }, ...chunks(arrays, 'chunk')]),
    coordinator('SubmitResult', [{ header: { ...header, failure } }]),
    STATUS,
  ];
}

function parameters(rpc: string, messages: readonly object[]): Exchange {
  return { path: `/deepcluster.v1.Parameters/${rpc}`, messages };
}

function memory(rpc: string, messages: readonly object[]): Exchange {
  return { path: `/deepcluster.v1.SampleMemory/${rpc}`, messages };
}

function coordinator(rpc: string, messages: readonly object[]): Exchange {
  return { path: `/deepcluster.v1.Coordinator/${rpc}`, messages };
}

function vector(name: string, elements: number): object[] {
  const header = { name, elements, version: 0, headEpoch: -1 };
  return [{ vector: header }, ...vectorChunks('chunk', new Float32Array(elements).fill(0.25))];
}

function vectorChunks(field: string, values: Float32Array): object[] {
  return [...chunkVector(values)].map((chunk) => ({ [field]: chunk }));
}

/** In two chunks, so that there is an order to get wrong. */
function chunks(arrays: NamedArrays, field: string): object[] {
  return [...chunkBytes(encodeSafetensors(arrays))].flatMap(({ total, data }) => {
    const half = data.length >> 1;
    return [
      { [field]: { offset: 0, total, data: data.subarray(0, half) } },
      { [field]: { offset: half, total, data: data.subarray(half) } },
    ];
  });
}
