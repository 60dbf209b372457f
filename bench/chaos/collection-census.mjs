/**
 * Counts what every Map and Set of a process holds, by the place that made it; to be preloaded into all processes of a run:
 *
 *   COLLECTION_CENSUS=FOLDER COLLECTION_CENSUS_MS=600000 NODE_OPTIONS="--import FILE_URL_OF_THIS" deepcluster launch …
 *
 * Every thread appends to FOLDER/<pid>-<thread>.jsonl, at these intervals: `{ atMs, heapBytes, externalBytes, sizes: { place:
 * entries } }`, all after full collections, so that what is counted is what something still refers to. They also throw away
 * garbage that the process would keep for long: whoever measures resident memory beside it asks for a census rarely. Plain
 * JavaScript, for it is loaded before any TypeScript loader; nothing of the product knows of it.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';

const CENSUS_MS = Number(process.env.COLLECTION_CENSUS_MS ?? 60_000);
/** After a collection, for the buffers that it found unused to be given back, which is done beside the program. */
const SETTLE_MS = 300;
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
  const take = async () => {
    for (let i = 0; i < 3; i += 1) {
      collect();
      await delay(SETTLE_MS, undefined, { ref: false });
    }
    sweep(made);
    const { heapUsed: heapBytes, external: externalBytes } = process.memoryUsage();
    const census = { atMs: Date.now(), heapBytes, externalBytes, sizes: sizesOf(made) };
    appendFileSync(path, `${JSON.stringify(census)}\n`);
  };
  setInterval(() => void take(), CENSUS_MS).unref();
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
