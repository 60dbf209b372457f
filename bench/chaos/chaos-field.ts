/**
 * What else befalls a run in the field, while its processes are killed: images go away and come
 * back, as on a share that is mounted anew, and somebody starts the run a second time. Drawn from a
 * seed; everything is put back in the end.
 */
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRng, shuffleInPlace, type Rng } from '../../src/math/rng.ts';
import { pause } from '../../src/process/pause.ts';
import { resumeRun, type LaunchedRun } from './run-process.ts';

export interface FieldPlan {
  readonly data: string;
  readonly out: string;
  readonly seed: number;
  readonly vanishes: boolean;
  readonly startsSecond: boolean;
}

export interface FieldCounts {
  /** Times that images went away, and how many of them in all. */
  readonly vanishings: number;
  readonly imagesVanished: number;
  /** Second launches on the run's folder, and those that were told who has it (75). */
  readonly seconds: number;
  readonly refused: number;
  /** Seconds that found the folder's holder dead, and went on with the run in its place. */
  readonly successors: number;
}

/**
 * Pauses between two vanishings, and their length; a few are longer than a look at the files takes
 * [ms].
 */
const PRESENT_MS = [1_500, 6_000] as const;
const AWAY_MS = [200, 3_000] as const;
/** Share of vanishings that take all images. */
const ALL = 0.3;
const BETWEEN_SECONDS_MS = [8_000, 20_000] as const;
/**
 * A second launch that has not been refused by then has the run [ms]: it looks for ten seconds at a
 * silent holder.
 */
const REFUSED_WITHIN_MS = 30_000;

export class Field {
  readonly #plan: FieldPlan;
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[] = [];
  readonly #hidden: string;
  #counts: FieldCounts = {
    vanishings: 0,
    imagesVanished: 0,
    seconds: 0,
    refused: 0,
    successors: 0,
  };
  /** A second launch that may have the run: it has not ended. */
  #second: LaunchedRun | null = null;

  constructor(plan: FieldPlan) {
    this.#plan = plan;
    this.#hidden = `${plan.data}-away`;
  }

  get counts(): FieldCounts {
    return this.#counts;
  }

  begin(): void {
    const { vanishes, startsSecond, seed } = this.#plan;
    if (vanishes) this.#loops.push(this.#vanish(seededRng('vanish', seed)));
    if (startsSecond) this.#loops.push(this.#startSeconds(seededRng('second', seed)));
  }

  /**
   * The second launch that goes on with the run now that the first has ended with 75; null where
   * there is none.
   */
  async successor(): Promise<LaunchedRun | null> {
    const second = this.#second;
    if (second === null) return null;
    this.#second = null;
    if (second.hasEnded() && (await second.ended).code === 75) return null;
    this.#counts = { ...this.#counts, successors: this.#counts.successors + 1 };
    // The loop that started it has ended with it.
    const rng = seededRng('second', this.#plan.seed, this.#counts.successors);
    this.#loops.push(this.#startSeconds(rng));
    return second;
  }

  /** All images are back, and no second launch is started any more. */
  async end(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  /** Once the run is over: nothing is left of the field. */
  async close(): Promise<void> {
    await this.end();
    const second = this.#second;
    this.#second = null;
    second?.process.kill('SIGTERM');
    await second?.ended;
  }

  async #vanish(rng: Rng): Promise<void> {
    const { data } = this.#plan;
    mkdirSync(this.#hidden);
    while (await this.#pause(rng, PRESENT_MS)) {
      const files = readdirSync(data, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name))
        .sort();
      const order = files.map((_, i) => i);
      shuffleInPlace(order, rng);
      const count = rng.float() < ALL ? files.length : 1 + rng.integer(files.length >> 1);
      const away = order.slice(0, count).map((i) => files[i]!);
      away.forEach((file, i) => {
        renameSync(file, join(this.#hidden, String(i)));
      });
      const { vanishings, imagesVanished } = this.#counts;
      this.#counts = {
        ...this.#counts,
        vanishings: vanishings + 1,
        imagesVanished: imagesVanished + count,
      };
      await this.#pause(rng, AWAY_MS);
      away.forEach((file, i) => {
        renameSync(join(this.#hidden, String(i)), file);
      });
    }
    rmSync(this.#hidden, { recursive: true });
  }

  async #startSeconds(rng: Rng): Promise<void> {
    while (await this.#pause(rng, BETWEEN_SECONDS_MS)) {
      const second = resumeRun(this.#plan.out);
      this.#second = second;
      this.#counts = { ...this.#counts, seconds: this.#counts.seconds + 1 };
      const isRefused = await Promise.race([
        second.ended.then(({ code, stderr }) => isRefusal(code, stderr)),
        delay(REFUSED_WITHIN_MS, false, { ref: false }),
      ]);
      if (!isRefused) return; // it has the run, or has failed: who follows the run will see
      this.#second = null;
      this.#counts = { ...this.#counts, refused: this.#counts.refused + 1 };
    }
  }

  /** @returns false once the field has come to its end */
  async #pause(rng: Rng, [low, high]: readonly [number, number]): Promise<boolean> {
    const ms = low + rng.float() * (high - low);
    await pause(ms, this.#stop.signal);
    return !this.#stop.signal.aborted;
  }
}

function isRefusal(code: number | null, stderr: string): boolean {
  return code === 75 && /run folder .*: (held|taken over)/.test(stderr);
}
