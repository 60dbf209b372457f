/**
 * Counts what every Map and Set of a process holds, by the place that made it; to be preloaded into all processes of a run:
 *
 *   COLLECTION_CENSUS=FOLDER NODE_OPTIONS="--import FILE_URL_OF_THIS" deepcluster launch …
 *
 * Every thread appends to FOLDER/<pid>-<thread>.jsonl, once a minute: `{ atMs, heapBytes, sizes: { place: entries } }`, both
 * after a full collection, so that what is counted is what something still refers to. Plain JavaScript, for it is loaded before
 * any TypeScript loader; nothing of the product knows of it.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';

const CENSUS_MS = 60_000;
/** What has been collected is forgotten this often. */
const SWEEP_MS = 2_000;

const folder = process.env.COLLECTION_CENSUS;
if (folder !== undefined) begin(join(folder, `${process.pid}-${threadId}.jsonl`));

/** @param {string} path */
function begin(path) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  /** @type {Map<string, WeakRef<{ size: number }>[]>} */
  const made = new Map();
  globalThis.Map = counted(Map, made);
  globalThis.Set = counted(Set, made);
  setInterval(() => {
    sweep(made);
  }, SWEEP_MS).unref();
  setInterval(() => {
    collect();
    sweep(made);
    const heapBytes = process.memoryUsage().heapUsed;
    appendFileSync(
      path,
      `${JSON.stringify({ atMs: Date.now(), heapBytes, sizes: sizesOf(made) })}\n`,
    );
  }, CENSUS_MS).unref();
}

/** A class like the one given, that notes where each of its objects is made. */
function counted(Base, made) {
  const Counted = class extends Base {
    constructor(...values) {
      super(...values);
      const place = `${Base.name} ${placeOfMaking()}`;
      const references = made.get(place);
      if (references === undefined) made.set(place, [new WeakRef(this)]);
      else references.push(new WeakRef(this));
    }
  };
  Object.defineProperty(Counted, 'name', { value: Base.name });
  return Counted;
}

/** File and function of the first frame above a constructor of {@link counted}; line numbers would be those of compiled code. */
function placeOfMaking() {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.prepareStackTrace = (_error, frames) => frames;
  Error.stackTraceLimit = 3;
  const frame = new Error().stack[2];
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
  if (frame === undefined) return 'unknown';
  const file = String(frame.getFileName()).split('/').slice(-3).join('/');
  return `${file} ${frame.getFunctionName() ?? frame.getTypeName() ?? ''}:${frame.getColumnNumber()}`;
}

function sweep(made) {
  for (const [place, references] of made) {
    const living = references.filter((reference) => reference.deref() !== undefined);
    if (living.length === 0) made.delete(place);
    else made.set(place, living);
  }
}

function sizesOf(made) {
  const sizes = {};
  for (const [place, references] of made) {
    sizes[place] = references.reduce(
      (total, reference) => total + (reference.deref()?.size ?? 0),
      0,
    );
  }
  return sizes;
}
