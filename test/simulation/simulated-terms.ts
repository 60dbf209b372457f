/**
 * The claims on a simulated run's folder, in memory: what term-folder.ts does by renames happens
 * here in one event each. They outlive every process. Whoever claims the folder of a living process
 * that still gives heartbeats breaks a rule.
 */
import type { Holder, TermStore } from '../../src/run/lock/run-lock.ts';
import type { World } from './virtual-world.ts';

/** Of a simulated run's lock [ms]. */
export const LOCK_TIMES = { beatMs: 15, leaseMs: 60 };

/** How often somebody else makes a claim between a look and the claim that follows. */
const OVERTAKEN = 0.05;

/** What the claims need of the run. */
export interface ClaimWorld {
  readonly world: World;
  count(what: string): void;
  /** Whether the process of this name has ended. */
  isDead(name: string): boolean;
}

interface Claim {
  readonly holder: Holder;
  beats: number;
  beatMs: number;
  isOpen: boolean;
  isReleased: boolean;
}

export class SimulatedTerms {
  readonly #run: ClaimWorld;
  readonly #claims = new Map<number, Claim>();

  constructor(run: ClaimWorld) {
    this.#run = run;
  }

  get newest(): number {
    return Math.max(0, ...this.#claims.keys());
  }

  isOpen(term: number): boolean {
    return this.#claims.get(term)?.isOpen === true;
  }

  /**
   * Something takes effect in the folder: it must be the work of who has it, in its newest term.
   */
  requireWriter(incarnation: string, term: number, what: string): void {
    const claim = this.#claims.get(this.newest);
    if (term === this.newest && claim?.holder.incarnation === incarnation) return;
    const owner = `${claim?.holder.incarnation ?? 'nobody'} in term ${this.newest}`;
    this.#run.world.violate(
      `${what} of ${incarnation}, term ${term}: written though the folder is that of ${owner}`,
    );
  }

  /** @param host of the process that looks: it knows of the dead of its own machine only */
  seenFrom(host: string, takesOver: boolean): TermStore {
    const { world } = this.#run;
    const claims = this.#claims;
    return {
      name: '/simulated',
      newest: () => this.newest,
      holderOf: (term) => claims.get(term)?.holder ?? null,
      claim: (term, holder) => {
        if (!claims.has(term) && world.chance(OVERTAKEN)) this.#overtake(term, holder);
        if (claims.has(term)) return false;
        this.#requireFree(holder, takesOver);
        claims.set(term, {
          holder,
          beats: 0,
          beatMs: world.nowMs,
          isOpen: true,
          isReleased: false,
        });
        world.log(`term ${term} is claimed`);
        return true;
      },
      open: () => [...claims].filter(([, { isOpen }]) => isOpen).map(([term]) => term),
      isOpen: (term) => this.isOpen(term),
      fence: (term) => {
        const claim = claims.get(term)!;
        claim.isOpen = false;
        if (claim.holder.incarnation !== world.current?.name) this.#run.count('folder.fenced');
      },
      beat: (term) => {
        const claim = claims.get(term)!;
        if (!claim.isOpen) return false;
        claim.beats += 1;
        claim.beatMs = world.nowMs;
        return true;
      },
      lastBeat: (term) => String(claims.get(term)?.beats ?? 0),
      release: (term) => {
        claims.get(term)!.isReleased = true;
      },
      isReleased: (term) => claims.get(term)?.isReleased === true,
      isDead: (holder) => holder.host === host && this.#run.isDead(holder.incarnation),
    };
  }

  /** Another process was a little quicker, and died of it. */
  #overtake(term: number, { host }: Holder): void {
    const { world } = this.#run;
    const incarnation = `overtaker-${term}`;
    const holder = { incarnation, host, pid: 0, launcher: null, life: null, since: '' };
    const beatMs = world.nowMs;
    this.#claims.set(term, { holder, beats: 0, beatMs, isOpen: true, isReleased: false });
    world.log(`${incarnation} claims term ${term} first`);
  }

  #requireFree({ incarnation }: Holder, takesOver: boolean): void {
    const claim = this.#claims.get(this.newest);
    if (claim === undefined || claim.isReleased || claim.holder.incarnation === incarnation) return;
    const { holder, beatMs } = claim;
    const { world } = this.#run;
    if (takesOver || this.#run.isDead(holder.incarnation)) return;
    this.#run.count('folder.taken-over');
    if (world.nowMs - beatMs >= LOCK_TIMES.leaseMs / 2) return;
    world.violate(
      `${incarnation} takes the folder of ${holder.incarnation}, which gave a heartbeat just now`,
    );
  }
}
