/**
 * The run's folder of a simulated run: claims on it, and checkpoints that are written file after
 * file while the run goes on, under a name that does not count before they are whole. What it holds
 * outlives every process.
 */
import type {
  Checkpoint,
  CheckpointContent,
  CheckpointReceipt,
} from '../../src/checkpoint/checkpoint.ts';
import type { JsonObject } from '../../src/checkpoint/manifest.ts';
import type { NamedArrays } from '../../src/arrays/safetensors.ts';
import { hitFailpoint } from '../../src/process/failpoints.ts';
import { unavailable } from '../../src/errors.ts';
import { SimulatedTerms, type ClaimWorld } from './simulated-terms.ts';
import type { SimulatedProcess } from './virtual-world.ts';

/** What the disk needs of the run. */
export interface DiskWorld extends ClaimWorld {
  wait(process: SimulatedProcess, lowMs: number, highMs: number): Promise<void>;
}

export class SimulatedDisk {
  readonly #run: DiskWorld;
  /** Complete ones by step. */
  readonly #checkpoints = new Map<number, CheckpointContent>();
  #latest: number | null = null;
  readonly terms: SimulatedTerms;
  /** Whether a run has begun here. */
  holdsRun = false;
  /** No checkpoint can be written. */
  isFull = false;
  /** Whether one could not be written for that. */
  hasBeenFull = false;
  /** The newest step that was ever checkpointed; 0: none. */
  written = 0;

  constructor(run: DiskWorld) {
    this.#run = run;
    this.terms = new SimulatedTerms(run);
  }

  /**
   * As src/checkpoint writes: a process that dies on the way leaves what was there before, and
   * nothing comes into its place from a term whose staging folder is gone.
   */
  async write(
    process: SimulatedProcess,
    term: number,
    step: number,
    content: CheckpointContent,
    keep: number,
  ): Promise<CheckpointReceipt> {
    const state = copyOfState(content.state);
    const files: Record<string, NamedArrays> = {};
    for (const [name, arrays] of Object.entries(content.files)) {
      await this.#run.wait(process, 1, 10);
      if (this.isFull) {
        this.hasBeenFull = true;
        throw unavailable(`checkpoint step-${step}`, 'no space is left');
      }
      files[name] = copyOf(arrays);
    }
    hitFailpoint('checkpoint.filesWritten', { step });
    const rename = (what: string): void => {
      if (!this.terms.isOpen(term)) {
        this.#run.count('checkpoint.fenced');
        throw unavailable(`checkpoint step-${step}`, 'no such folder');
      }
      this.terms.requireWriter(process.name, term, `${what} step-${step}`);
    };
    rename('checkpoint');
    this.#checkpoints.set(step, { state, files });
    hitFailpoint('checkpoint.named', { step });
    rename('LATEST of');
    this.#latest = step;
    this.written = Math.max(this.written, step);
    const upToStep = [...this.#checkpoints.keys()].filter((other) => other <= step);
    for (const old of upToStep.sort((a, b) => b - a).slice(keep)) this.#checkpoints.delete(old);
    this.#run.count('checkpoint');
    return { name: `step-${step}`, bytes: 0 };
  }

  /** Step of the {@link newest} one; 0: none. */
  get newestStep(): number {
    return this.#latest ?? Math.max(0, ...this.#checkpoints.keys());
  }

  /** The one that `LATEST` names; where a crash came before it was named, the newest of all. */
  newest(): Checkpoint | null {
    const step = this.#latest ?? Math.max(-1, ...this.#checkpoints.keys());
    const content = this.#checkpoints.get(step);
    if (content === undefined) return null;
    const files = Object.entries(content.files).map(([name, arrays]) => [name, copyOf(arrays)]);
    const state = copyOfState(content.state);
    return {
      name: `step-${step}`,
      step,
      state,
      files: Object.fromEntries(files) as Checkpoint['files'],
    };
  }

  /** The newest one is found damaged: the one before it is used, if there is one. */
  damageNewest(): void {
    if (this.#checkpoints.size < 2 || this.#latest === null) return;
    this.#checkpoints.delete(this.#latest);
    this.#latest = Math.max(...this.#checkpoints.keys());
    this.#run.world.log(`the newest checkpoint is damaged; step-${this.#latest} is left`);
  }
}

/** As it comes back from JSON; what never changes is not copied. */
function copyOfState({ config, layout, ...state }: JsonObject): JsonObject {
  return { ...(JSON.parse(JSON.stringify(state)) as JsonObject), config, layout };
}

function copyOf(arrays: NamedArrays): NamedArrays {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { data, shape }]) => [name, { data: data.slice(), shape }]),
  );
}
