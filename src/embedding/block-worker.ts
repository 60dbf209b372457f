/**
 * A process that computes blocks of images for another one that started it (worker-process.ts):
 * it is told which, over Node's channel between the two, puts each into the folder of parts, and
 * says so. The views of the next block are begun while one is computed. It ends with the channel.
 */
import { CentreBatches, idRange } from '../data/loader/centre-batches.ts';
import { createImageLoader } from '../data/loader/loader.ts';
import { openImageSource } from '../data/source/source.ts';
import { dataUnreadable } from '../errors.ts';
import type { EngineFacts } from '../engine/engine.ts';
import type { EngineChoice } from '../engine/registry.ts';
import { startEngine } from '../engine/start.ts';
import { ownLoaderThreads } from '../launch/machine.ts';
import { isDiskFull } from '../process/disk-full.ts';
import { hitFailpoint } from '../process/failpoints.ts';
import { sentError, type SentError } from '../process/thread-error.ts';
import { embedBatches } from './embed-batches.ts';
import { networkOn } from './network.ts';
import { engineTag, noRoom, openParts, writeBlock, type Block } from './parts.ts';

export interface BlockWorkerOptions {
  readonly parts: string;
  readonly data: string;
  readonly engine: EngineChoice;
  /** Images that are read, and go through the network, at a time. */
  readonly batchImages: number;
}

/** To the worker. */
export type BlockOrder = { readonly kind: 'block'; readonly block: Block };

/** From the worker. */
export type BlockReply =
  | { readonly kind: 'ready'; readonly engine: EngineFacts }
  /** Images of its present block that are done besides those it told of. */
  | { readonly kind: 'progress'; readonly images: number }
  | ({ readonly kind: 'done'; readonly index: number } & BlockTimes)
  | { readonly kind: 'failed'; readonly error: SentError };

export interface BlockTimes {
  /** Images that went through the network, and how long the passes took. */
  readonly images: number;
  readonly forwardMs: number;
}

/** Serves until the channel closes. @throws never: failures are told */
export async function serveBlocks(options: BlockWorkerOptions): Promise<void> {
  const closed = new Promise<void>((resolve) => process.once('disconnect', resolve));
  // A Ctrl-C reaches all processes of a terminal: the one that started this one decides.
  process.on('SIGINT', () => undefined);
  try {
    const serve = await startServing(options);
    process.on('message', (order: BlockOrder) => {
      serve(order.block).catch(fail);
    });
  } catch (error) {
    fail(error);
  }
  await closed;
}

function reply(message: BlockReply): void {
  process.send?.(message, undefined, undefined, () => undefined);
}

function fail(error: unknown): void {
  reply({ kind: 'failed', error: sentError(isDiskFull(error) ? noRoom(error) : error) });
}

async function startServing(options: BlockWorkerOptions): Promise<(block: Block) => Promise<void>> {
  const { parts: folder, data, batchImages } = options;
  const parts = await openParts(folder);
  if (parts === null) throw new TypeError(`${folder} holds no parts`);
  const { values, plan } = parts;
  const source = await openImageSource(data);
  if (source.digest !== plan.images.digest) {
    throw dataUnreadable(data, 'its images have changed just now', 'give the command again');
  }
  const { data: views, seed } = values.config;
  const threads = views.loaderThreads ?? ownLoaderThreads(process.env);
  // Each image is read once: there is nothing to keep.
  const loader = createImageLoader({ source, config: { ...views, cacheBytes: 0 }, seed, threads });
  // An image for each thread, so that all of them start while the engine does.
  const warmed = loader.centre(idRange(0, Math.min(threads, source.count)));
  const engine = await startEngine(options.engine);
  const network = networkOn(engine, values);
  await warmed;
  reply({ kind: 'ready', engine: factsOf(engine) });
  const onImages = (images: number): void => {
    reply({ kind: 'progress', images });
  };
  // A table of clusters alone has the second one, too.
  const wanted = { layer: plan.layer, withSeconds: plan.layer === null };
  let before: Promise<unknown> = Promise.resolve();
  return async (block) => {
    const { imageSize } = views;
    const ids = idRange(block.begin, block.end);
    const batches = new CentreBatches(loader, ids, { imageSize, batchImages });
    const computed = before.then(() =>
      embedBatches(network, batches, ids.length, { ...wanted, onImages }),
    );
    before = computed.catch(() => undefined);
    const { rows, forwardMs } = await computed;
    // The next block is computed while this one is written.
    await writeBlock(folder, block, engineTag(engine), rows);
    reply({ kind: 'done', index: block.index, images: rows.ids.length, forwardMs });
    hitFailpoint('embedding.blockWritten', { block: block.index });
  };
}

/** What can be sent: an engine has functions, too. */
function factsOf({
  name,
  version,
  reason,
  device,
  threads,
  hasOwnKernels,
}: EngineFacts): EngineFacts {
  return { name, version, reason, device, threads, hasOwnKernels };
}
