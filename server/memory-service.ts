/** The sample memory's gRPC shell: translates messages to the memory's verbs and back. */
import type * as grpc from '@grpc/grpc-js';
import { arrayOf } from '../src/arrays/bundle.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedArrays,
} from '../src/arrays/safetensors.ts';
import {
  changeToBundle,
  relabellingFromBundle,
  rowsFromBundle,
  rowsToBundle,
} from '../src/clustering/odc/bundles.ts';
import { protocolViolation } from '../src/errors.ts';
import { answer, download, receive, type Receiver } from '../src/rpc/answers.ts';
import { requireAtMost } from '../src/rpc/bounds.ts';
import { ChunkAssembler, chunkBytes } from '../src/rpc/chunks.ts';
import { wire } from '../src/rpc/definitions.ts';
import type { MemoryHeader__Output } from '../src/rpc/generated/deepcluster/v1/MemoryHeader.ts';
import type { MemoryMessage__Output } from '../src/rpc/generated/deepcluster/v1/MemoryMessage.ts';
import type { MemoryReply } from '../src/rpc/generated/deepcluster/v1/MemoryReply.ts';
import type { SampleMemoryHandlers } from '../src/rpc/generated/deepcluster/v1/SampleMemory.ts';
import type { MemoryOutcome } from './memory-keeper.ts';
import type { CallIdentity } from './parameter-host.ts';
import type { ParameterShard } from './parameter-shard.ts';

const OUTCOMES = { applied: 'APPLIED', duplicate: 'DUPLICATE', fenced: 'FENCED' } as const;

/** @param shardOf the server's shard. @throws TrainerError when it has none, or another layout */
export function addMemoryService(
  server: grpc.Server,
  shardOf: (identity: CallIdentity) => ParameterShard,
): void {
  const handlers: SampleMemoryHandlers = {
    BeginMemory: (call, callback) => {
      answer(callback, () => {
        const { shape } = call.request;
        if (!shape)
          throw protocolViolation('sample memory', 'a shape', 'none', 'a peer left it out');
        return replyOf(shardOf(call.request).beginMemory(shape));
      });
    },
    FillMemory: (call, callback) => {
      const receiver = new BundleReceiver(shardOf, 'memory rows', (shard, header, bundle) =>
        shard.requireMemory().fill(header.shard, header.generation, rowsFromBundle(bundle)),
      );
      receive(call, receiver, callback);
    },
    SealMemory: (call, callback) => {
      const receiver = new BundleReceiver(shardOf, 'pseudo-labels', (shard, { step }, bundle) =>
        shard.sealMemory(step, arrayOf(bundle, 'pseudoLabels', Int32Array)),
      );
      receive(call, receiver, callback);
    },
    Relabel: (call, callback) => {
      const receiver = new BundleReceiver(shardOf, 'new pseudo-labels', (shard, header, bundle) => {
        const { ids, pseudoLabels } = relabellingFromBundle(bundle);
        return shard.requireMemory().memory.relabel(header.step, ids, pseudoLabels);
      });
      receive(call, receiver, callback);
    },
    FetchRows: (call) => {
      void download(call, () => {
        const { step } = call.request;
        const ids = Int32Array.from(call.request.ids);
        const rows = shardOf(call.request).requireMemory().rowsAt(step, ids);
        return chunkBytes(encodeSafetensors(rowsToBundle({ ids, rows })));
      });
    },
    FetchChange: (call) => {
      void download(call, () => {
        const { step } = call.request;
        const change = shardOf(call.request).requireMemory().changeOf(step);
        return chunkBytes(encodeSafetensors(changeToBundle(change)));
      });
    },
    FetchClassSums: (call) => {
      void download(call, () => {
        const keeper = shardOf(call.request).requireMemory();
        const { classes, dim } = keeper.shape;
        const sums = { data: keeper.clusterSums(), shape: [classes, dim] };
        return chunkBytes(encodeSafetensors({ sums }));
      });
    },
  };
  server.addService(wire.SampleMemory.service, handlers);
}

function replyOf(outcome: MemoryOutcome): MemoryReply {
  return { outcome: OUTCOMES[outcome] };
}

/** A header and the chunks of one bundle. */
class BundleReceiver implements Receiver<MemoryMessage__Output, MemoryReply> {
  readonly #shardOf: (identity: CallIdentity) => ParameterShard;
  readonly #what: string;
  readonly #take: (
    shard: ParameterShard,
    header: MemoryHeader__Output,
    bundle: NamedArrays,
  ) => MemoryOutcome;
  readonly #chunks: ChunkAssembler;
  #header: MemoryHeader__Output | null = null;
  /** Bytes that the whole memory would need. */
  #limit = 0;

  constructor(
    shardOf: (identity: CallIdentity) => ParameterShard,
    what: string,
    take: (
      shard: ParameterShard,
      header: MemoryHeader__Output,
      bundle: NamedArrays,
    ) => MemoryOutcome,
  ) {
    this.#shardOf = shardOf;
    this.#what = what;
    this.#take = take;
    this.#chunks = new ChunkAssembler(what);
  }

  add(message: MemoryMessage__Output): void {
    if (message.header) {
      this.#limit = this.#shardOf(message.header).requireMemory().bundleLimit(Infinity);
      this.#header = message.header;
    } else if (message.chunk && this.#header !== null) {
      requireAtMost(`bytes of ${this.#what}`, this.#limit, message.chunk.total);
      this.#chunks.add(message.chunk);
    }
  }

  finish(): MemoryReply {
    const bytes = this.#chunks.finish();
    if (this.#header === null || bytes === null) {
      throw protocolViolation(
        this.#what,
        'a header and a bundle',
        'less',
        'the peer sends out of turn',
      );
    }
    const context = { what: this.#what, code: 'PROTOCOL_VIOLATION' } as const;
    const { arrays } = decodeSafetensors(bytes, context);
    return replyOf(this.#take(this.#shardOf(this.#header), this.#header, arrays));
  }
}
