/**
 * The parameter server's gRPC shell: translates messages to the shard's verbs and back.
 * One parameter shard per process or thread; there is none until the coordinator restores it.
 */
import type * as grpc from '@grpc/grpc-js';
import { firstIssue } from '../src/messages/schema-issue.ts';
import { hitFailpoint } from '../src/process/failpoints.ts';
import { TrainerError, messageOf, protocolViolation } from '../src/errors.ts';
import { trainingConfigSchema, type TrainingConfig } from '../src/ps/config.ts';
import type { VectorCoding } from '../src/ps/codec/vector-coding.ts';
import { bodyCount, parseLayout, type ParameterLayout } from '../src/ps/layout.ts';
import { cutsFor, planParameterShard } from '../src/ps/parameter-plan.ts';
import type { SlicePush } from '../src/ps/slice-push.ts';
import { decodeSafetensors } from '../src/arrays/safetensors.ts';
import { sliceFromBundle } from '../src/clustering/odc/bundles.ts';
import type { SliceRows } from '../src/clustering/odc/sample-memory.ts';
import { answer, download, receive, type Receiver } from '../src/rpc/answers.ts';
import { requireAtMost } from '../src/rpc/bounds.ts';
import { ChunkAssembler, VectorAssembler } from '../src/rpc/chunks.ts';
import { wire } from '../src/rpc/definitions.ts';
import { EncodedVectorAssembler } from '../src/rpc/encoded-vectors.ts';
import type { Segment__Output } from '../src/rpc/generated/deepcluster/v1/Segment.ts';
import type { CommitReply } from '../src/rpc/generated/deepcluster/v1/CommitReply.ts';
import type { ParametersHandlers } from '../src/rpc/generated/deepcluster/v1/Parameters.ts';
import type { PrepareReply } from '../src/rpc/generated/deepcluster/v1/PrepareReply.ts';
import type { PushHeader__Output } from '../src/rpc/generated/deepcluster/v1/PushHeader.ts';
import type { PushMessage__Output } from '../src/rpc/generated/deepcluster/v1/PushMessage.ts';
import type { PushReply } from '../src/rpc/generated/deepcluster/v1/PushReply.ts';
import type { RestoreHeader__Output } from '../src/rpc/generated/deepcluster/v1/RestoreHeader.ts';
import type { RestoreMessage__Output } from '../src/rpc/generated/deepcluster/v1/RestoreMessage.ts';
import { VectorCollector, vectorMessages } from '../src/rpc/named-vectors.ts';
import { addMemoryService } from './memory-service.ts';
import { ParameterHost } from './parameter-host.ts';

/** Far above any network's parameters; the segment's real length is checked when it is opened. */
const MAX_SEGMENT_ELEMENTS = 2 ** 33;

export function addParametersService(server: grpc.Server): void {
  const host = new ParameterHost();
  server.addService(wire.Parameters.service, handlersOf(host));
  addMemoryService(server, (identity) => host.require(identity));
}

function handlersOf(host: ParameterHost): ParametersHandlers {
  return {
    Pull: (call) => {
      void download(call, () => {
        const what = `pull of version ${call.request.version}`;
        const { store, codings } = host.requireCodec(call.request, what, 'parameters');
        const pulled = store.pull();
        // Messages wait in the stream as views of the store's memory: it is given back when the
        // last has left.
        releaseAfter(call, pulled.release);
        if (!store.serves(call.request.version)) {
          throw new TrainerError(
            'GENERATION_FENCED',
            `${what}: version ${pulled.version} is current`,
            { version: pulled.version },
          );
        }
        const { parameters, statistics } = pulled;
        const segment = host.segmentOf(parameters, call.request.host);
        return vectorMessages(
          {
            ...pulled,
            vectors: new Map([
              ['parameters', parameters],
              ['statistics', statistics],
            ]),
          },
          segment === null ? {} : { parameters: segment },
          codings === null ? {} : { parameters: codings.parameters },
        );
      });
    },
    Push: (call, callback) => {
      receive(call, new PushReceiver(host), callback);
    },
    Prepare: (call, callback) => {
      answer<PrepareReply>(callback, () => {
        const { step, slices, learningRateFactor } = call.request;
        const { store } = host.require(call.request);
        return { missing: store.prepare(step, slices, learningRateFactor) };
      });
    },
    Commit: (call, callback) => {
      answer<CommitReply>(callback, () => {
        const { step, slices, learningRateFactor } = call.request;
        const outcome = host.require(call.request).commit(step, slices, learningRateFactor);
        switch (outcome.kind) {
          case 'applied':
            return { outcome: 'APPLIED', version: outcome.version };
          case 'duplicate':
            return { outcome: 'DUPLICATE', version: outcome.version };
          case 'missing':
            return { outcome: 'MISSING', missing: [...outcome.slices] };
        }
      });
    },
    ResetHead: (call, callback) => {
      answer(callback, () => {
        const { epoch } = call.request;
        const { store, plan } = host.require(call.request);
        const { version } = store.resetHead(epoch);
        hitFailpoint('server.headReset', { epoch, part: plan.shardIndex });
        return { version };
      });
    },
    Snapshot: (call) => {
      void download(call, () => {
        const { store, memory } = host.require(call.request);
        const { state, release } = store.lendSnapshot();
        releaseAfter(call, release);
        const vectors = new Map([
          ['parameters', state.parameters],
          ['statistics', state.statistics],
          ['momentum', state.momentum],
        ]);
        // Not a copy: the coordinator commits nothing while it takes a snapshot.
        if (memory?.isSealed === true) vectors.set('memory-rows', memory.rows);
        return vectorMessages({ ...state, vectors });
      });
    },
    Restore: (call, callback) => {
      receive(call, new RestoreReceiver(host), callback);
    },
  };
}

function releaseAfter(
  call: grpc.ServerWritableStream<unknown, unknown>,
  release: () => void,
): void {
  let isReleased = false;
  for (const event of ['finish', 'close', 'error', 'cancelled']) {
    call.once(event, () => {
      if (!isReleased) release();
      isReleased = true;
    });
  }
}

/** The gradient of a push, whichever way it comes. */
interface ArrivingGradient {
  readonly add: VectorAssembler['add'];
  /** Null where it is in memory that cannot be opened here. */
  readonly finish: () => Pick<SlicePush, 'gradient' | 'isIntact' | 'release'> | null;
}

/** @param coding null: as float32 */
function sentGradient(
  what: string,
  elements: number,
  coding: VectorCoding | null,
  { spare }: ParameterHost,
): ArrivingGradient {
  const assembler =
    coding === null
      ? new VectorAssembler(what, elements, spare)
      : new EncodedVectorAssembler(what, elements, coding, spare);
  return {
    add: (chunk) => {
      assembler.add(chunk);
    },
    finish: () => {
      const gradient = assembler.finish();
      return {
        gradient,
        release: () => {
          spare.giveBack(gradient);
        },
      };
    },
  };
}

/** @throws TrainerError PROTOCOL_VIOLATION for a range that the segment has not */
function lentGradient(
  what: string,
  elements: number,
  segment: Segment__Output,
  { segments }: ParameterHost,
): ArrivingGradient {
  const end = segment.offset + elements;
  requireAtMost(`${what}: its end in shared memory`, segment.elements, end);
  requireAtMost(`${what}: elements of shared memory`, MAX_SEGMENT_ELEMENTS, segment.elements);
  return {
    add: () => {
      throw protocolViolation(what, 'shared memory alone', 'a chunk', 'the peer sends both');
    },
    finish: () => {
      const opened = segments.open(segment);
      if (opened === null) return null;
      return {
        gradient: opened.values.subarray(segment.offset, end),
        isIntact: () => opened.sequence === segment.sequence,
      };
    },
  };
}

class PushReceiver implements Receiver<PushMessage__Output, PushReply> {
  readonly #host: ParameterHost;
  #header: PushHeader__Output | null = null;
  #gradient: ArrivingGradient | null = null;
  #statistics: VectorAssembler | null = null;
  readonly #memory = new ChunkAssembler('pushed memory rows');

  constructor(host: ParameterHost) {
    this.#host = host;
  }

  add(message: PushMessage__Output): void {
    if (message.header) this.#begin(message.header);
    else if (message.gradient) this.#started().gradient.add(message.gradient);
    else if (message.statistics) this.#started().statistics.add(message.statistics);
    else if (message.memory) this.#addMemory(message.memory);
  }

  finish(): PushReply {
    const { header, gradient, statistics } = this.#started();
    const shard = this.#host.require(header);
    const { step, slice, slices, stepSlices, generation, basedOn, samples } = header;
    const arrived = gradient.finish();
    if (arrived === null) return { outcome: 'UNREACHABLE', version: shard.store.version };
    const push = {
      step,
      slice,
      slices,
      stepSlices,
      generation,
      basedOn,
      samples,
      ...arrived,
      statistics: statistics.finish(),
    };
    const outcome = shard.stage(push, this.#rows(slice));
    const { version } = shard.store;
    switch (outcome.kind) {
      case 'staged':
        return { outcome: 'STAGED', version };
      case 'duplicate':
        return { outcome: 'DUPLICATE', version };
      case 'fenced':
        return { outcome: 'FENCED', version };
      case 'stale':
        return { outcome: 'STALE', version };
    }
  }

  #rows(slice: number): SliceRows | null {
    const bytes = this.#memory.finish();
    if (bytes === null) return null;
    const context = { what: 'pushed memory rows', code: 'PROTOCOL_VIOLATION' } as const;
    return sliceFromBundle(decodeSafetensors(bytes, context).arrays, slice);
  }

  /** Rows of as many samples as the push has, and where there is a memory to take them. */
  #addMemory(chunk: NonNullable<PushMessage__Output['memory']>): void {
    const { header } = this.#started();
    const limit = this.#host.require(header).memory?.bundleLimit(header.samples) ?? 0;
    requireAtMost('bytes of pushed memory rows', limit, chunk.total);
    this.#memory.add(chunk);
  }

  /** Lengths are checked against the layout before memory is taken. */
  #begin(header: PushHeader__Output): void {
    const what = `push of step ${header.step}, slice ${header.slice}`;
    const { plan, codings } = this.#host.requireCodec(header, what, 'gradients');
    const { layout } = plan;
    for (const [name, expected, got] of [
      ['gradient', layout.parameterCount, header.gradientElements],
      ['statistics', layout.statisticCount, header.statisticsElements],
    ] as const) {
      if (expected !== got) {
        throw protocolViolation(
          `${what}: ${name}`,
          `${expected} elements`,
          got,
          'same layout, same length',
        );
      }
    }
    this.#header = header;
    const [name, elements] = [`${what}: gradient`, layout.parameterCount];
    this.#gradient = header.gradient
      ? lentGradient(name, elements, header.gradient, this.#host)
      : sentGradient(name, elements, codings?.gradients ?? null, this.#host);
    this.#statistics = new VectorAssembler(`${what}: statistics`, layout.statisticCount);
  }

  #started(): {
    header: PushHeader__Output;
    gradient: ArrivingGradient;
    statistics: VectorAssembler;
  } {
    if (this.#header === null || this.#gradient === null || this.#statistics === null) {
      throw protocolViolation('push', 'a header first', 'a chunk', 'the peer sends out of turn');
    }
    return { header: this.#header, gradient: this.#gradient, statistics: this.#statistics };
  }
}

class RestoreReceiver implements Receiver<RestoreMessage__Output, { version: number }> {
  readonly #host: ParameterHost;
  readonly #vectors = new VectorCollector('restore');
  #content: RestoreHeader__Output | null = null;
  #layout: ParameterLayout | null = null;
  #training: TrainingConfig | null = null;
  /** Elements of each vector that may follow, by name. */
  #lengths: ReadonlyMap<string, number> = new Map();

  constructor(host: ParameterHost) {
    this.#host = host;
  }

  add(message: RestoreMessage__Output): void {
    if (message.header) this.#begin(message.header);
    else if (message.vector) {
      const { name, elements } = message.vector;
      requireAtMost(`restored vector ${name}`, this.#lengths.get(name) ?? 0, elements);
      this.#vectors.begin(message.vector);
    } else if (message.chunk) this.#vectors.chunk(message.chunk);
  }

  finish(): { version: number } {
    if (this.#content === null || this.#layout === null || this.#training === null) {
      throw protocolViolation('restore', 'a header', 'none', 'the peer sends out of turn');
    }
    const { fromSnapshot, memory, parts, part, seed, term } = this.#content;
    const named = this.#vectors.finish();
    const version = this.#host.restore({
      term,
      layout: this.#layout,
      shardCount: parts,
      shardIndex: part,
      seed,
      training: this.#training,
      snapshot: fromSnapshot ? named : null,
      memory: memory ?? null,
    });
    return { version };
  }

  /** The layout says how long the vectors are, before any memory is taken for them. */
  #begin(header: RestoreHeader__Output): void {
    const { layoutJson, trainingJson, parts, part, memory } = header;
    this.#layout = parseLayout(layoutJson);
    this.#training = parseTraining(trainingJson);
    const cuts = cutsFor(this.#training);
    const { layout } = planParameterShard(this.#layout, parts, part, cuts);
    this.#lengths = new Map([
      ['parameters', layout.parameterCount],
      ['statistics', layout.statisticCount],
      ['momentum', bodyCount(layout)],
      ['memory-rows', memory ? memory.count * memory.dim : 0],
    ]);
    this.#content = header;
  }
}

function parseTraining(json: string): TrainingConfig {
  const remedy = 'run the same release on every process';
  try {
    const parsed = trainingConfigSchema.safeParse(JSON.parse(json));
    if (parsed.success) return parsed.data;
    const got = `another ${firstIssue(parsed.error)}`;
    throw protocolViolation('training settings', 'their documented form', got, remedy);
  } catch (error) {
    if (error instanceof TrainerError) throw error;
    throw protocolViolation('training settings', 'JSON', messageOf(error), remedy);
  }
}
