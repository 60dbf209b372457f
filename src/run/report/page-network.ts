/**
 * The network of a run beside its page, which can then be asked about new images: two scripts, the
 * run's network with its centroids, and the runtime that computes it.
 * Shapes: K clusters, d dimensions of a centroid.
 */
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { centreShorterSide, decodedShorterSide } from '../../data/pixels/views.ts';
import { TrainerError } from '../../errors.ts';
import type { ExportContent } from '../../export/content.ts';
import type { PageNetwork } from '../../report/report-data.ts';
import type { OpenedRun } from '../open-run.ts';

/** `auto`: where the network is small and the runtime installed. */
export type TryImageChoice = 'auto' | 'always' | 'never';

/** A network and centroids of more than this are no companions of a page, unless asked for. */
const SMALL_BYTES = 16e6;

/** A string of base64 that holds more is near the longest that JavaScript has. */
const LARGEST_BYTES = 256e6;

const RUNTIME_MISSING =
  'onnxruntime-web is not installed; install it beside this package: npm install onnxruntime-web';

/** Keeps a file beside the page, and says by what relative path the page finds it. */
export type PutBeside = (name: string, content: string | Uint8Array) => Promise<string>;

export type NetworkBeside =
  | { readonly kind: 'written'; readonly network: PageNetwork }
  /** With the reason for people; null where it was asked for. */
  | { readonly kind: 'leftOut'; readonly reason: string | null };

/**
 * @throws TrainerError CONFIG_INVALID for `always` where the runtime is not installed, the network
 * is too large, or the run has no centroids; the file system's error
 */
export async function putNetwork(
  run: OpenedRun,
  choice: TryImageChoice,
  put: PutBeside,
): Promise<NetworkBeside> {
  if (choice === 'never') return { kind: 'leftOut', reason: null };
  if (run.centroids === null) return leaveOut(choice, 'the run has no centroids');
  const { readBrowserRuntime } = await import('../../export/onnx/browser-runtime.ts');
  const runtime = await readBrowserRuntime();
  if (runtime === null) return leaveOut(choice, RUNTIME_MISSING);
  const { contentOf, exportedLayout } = await import('../../export/content.ts');
  const { encodeRows } = await import('../../export/onnx/format.ts');
  const content = contentOf(run, { clusters: true, head: false });
  const numbers = exportedLayout(content).parameterCount + run.centroids.values.length;
  const bytes = 4 * numbers;
  const large = `the network and its centroids have ${megabytes(bytes)} MB`;
  if (bytes > LARGEST_BYTES) {
    return leaveOut(choice, `${large}, and a page can load ${megabytes(LARGEST_BYTES)}`);
  }
  if (choice === 'auto' && bytes > SMALL_BYTES) {
    const most = megabytes(SMALL_BYTES);
    return leaveOut(choice, `${large}, more than ${most}; --try-image always adds it`);
  }
  const scripts = [
    ['network.js', networkScript(factsOf(content, run), await packed(encodeRows(content)))],
    ['onnxruntime.js', runtimeScript(runtime.code, await packed(runtime.wasm))],
  ] as const;
  const files: string[] = [];
  for (const [name, script] of scripts) files.push(await put(name, script));
  const written = scripts.reduce((sum, [, script]) => sum + script.length, 0);
  const nonce = randomBytes(16).toString('base64');
  return { kind: 'written', network: { files, bytes: written, nonce } };
}

/** @throws TrainerError CONFIG_INVALID where it was asked for */
function leaveOut(choice: 'auto' | 'always', reason: string): NetworkBeside {
  if (choice === 'auto') return { kind: 'leftOut', reason };
  throw new TrainerError('CONFIG_INVALID', `--try-image always: ${reason}`);
}

/** What the page must know to prepare an image, and to tell clusters apart. */
function factsOf({ clusters }: ExportContent, { config }: OpenedRun): Record<string, unknown> {
  const { imageSize, resizeRatio } = config.data;
  const { values, dim } = clusters!.centroids;
  return {
    imageSize,
    shorterSide: centreShorterSide(imageSize, resizeRatio),
    decodedShorterSide: decodedShorterSide(imageSize, resizeRatio),
    ...{ metric: clusters!.metric, dim },
    centroids: Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'),
  };
}

function networkScript(facts: Record<string, unknown>, model: string): string {
  return `globalThis.deepclusterNetwork = ${JSON.stringify({ ...facts, model })};\n`;
}

function runtimeScript(code: string, wasm: string): string {
  return `globalThis.deepclusterRuntime = {\nort: ${code},\nwasm: ${JSON.stringify(wasm)}\n};\n`;
}

/** Compressed, as text. */
async function packed(bytes: Uint8Array): Promise<string> {
  return (await promisify(gzip)(bytes)).toString('base64');
}

function megabytes(bytes: number): string {
  return String(Math.round(bytes / 1e6));
}
