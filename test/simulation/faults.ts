/**
 * What goes wrong in a simulated run, drawn from its seed: weather on the network, processes that die, stop, come back as
 * zombies or are cut off, a full disk, a damaged checkpoint, and deaths at named failpoints.
 */
import { seededRng } from '../../src/math/rng.ts';
import type { FailpointName } from '../../src/process/failpoints.ts';
import type { Network } from './network.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedMemory } from './simulated-memory.ts';
import type { Scenario } from './tiny-network.ts';
import type { SimulatedProcess, World } from './virtual-world.ts';

/** Faults begin within this time, and are all over after the second [ms]. */
const FAULTS_MS = 400;
const MENDED_MS = 800;
const MOST_FAULTS = 4;
const MOST_FAILPOINTS = 2;
/** Of so many seeds one has a server that is asked to end. */
const LEAVING_SEEDS = 6;
/** And of so many one has workers that a person lets go. */
const DRAINED_SEEDS = 4;
const MOST_DRAINED = 3;
/** And of so many one in which workers write to what they pushed, once servers are ready. */
const LATE_SEEDS = 4;
const MOST_LATE_WRITES = 3;

const FAILPOINTS: readonly FailpointName[] = [
  'folder.claimed',
  'coordinator.begun',
  'coordinator.clustered',
  'coordinator.headReset',
  'coordinator.finallyClustered',
  'coordinator.computed',
  'coordinator.prepared',
  'coordinator.partCommitted',
  'coordinator.committed',
  'coordinator.counted',
  'coordinator.snapshotTaken',
  'checkpoint.filesWritten',
  'checkpoint.named',
  'server.restored',
  'server.staged',
  'server.beforeApply',
  'server.betweenHalves',
  'server.afterApply',
  'server.headReset',
  'worker.ordered',
  'worker.partPushed',
  'worker.pushed',
  'worker.submitted',
];

/** A run that faults befall. */
export interface FaultyRun {
  readonly seed: number;
  readonly world: World;
  readonly network: Network;
  readonly disk: SimulatedDisk;
  readonly scenario: Scenario;
  readonly sharedMemory: SimulatedMemory | null;
  /** Images that are missing now, by id. */
  readonly absent: Set<number>;
  readonly roles: readonly string[];
  count(what: string): void;
  roleOf(process: SimulatedProcess): string | null;
  nameIn(role: string): string;
  kill(role: string, why: string): void;
  stop(role: string, forMs: number, why: string): void;
  hang(role: string, forMs: number): void;
  replace(role: string, forMs: number): void;
  resumeAll(): void;
  startSecond(): void;
  terminate(): void;
  askToLeave(role: string): void;
  letGo(role: string): void;
}

interface Armed {
  readonly name: FailpointName;
  /** Times it is passed before. */
  passes: number;
  readonly does: 'kill' | 'stop' | 'replace';
}

export class Faults {
  readonly #run: FaultyRun;
  readonly #armed: Armed[];
  /** How often workers still write late. */
  #lateWrites: number;

  constructor(run: FaultyRun) {
    this.#run = run;
    const { world } = run;
    const rng = seededRng('late writes', run.seed);
    this.#lateWrites = rng.integer(LATE_SEEDS) > 0 ? 0 : 1 + rng.integer(MOST_LATE_WRITES);
    this.#armed = Array.from({ length: world.rng.integer(MOST_FAILPOINTS + 1) }, () => ({
      name: world.pick(FAILPOINTS)!,
      passes: world.rng.integer(5),
      does: world.pick(['kill', 'kill', 'stop', 'replace'] as const)!,
    }));
  }

  /** Queues them. @returns when the last one is over */
  begin(): number {
    const { world, network, disk } = this.#run;
    const harshness = world.pick([0, 0.3, 1])!;
    network.weather.lost = harshness * world.between(0, 0.08);
    network.weather.late = harshness * world.between(0, 0.15);
    network.weather.twice = harshness * world.between(0, 0.2);
    for (let i = world.rng.integer(MOST_FAULTS + 1); i > 0; i -= 1) {
      world.after(world.between(0, FAULTS_MS), null, '', () => {
        this.#strike();
      });
    }
    for (let i = Math.max(0, world.rng.integer(5) - 2); i > 0; i -= 1) {
      world.after(world.between(0, FAULTS_MS), null, '', () => {
        this.#hideImages();
      });
    }
    this.#askServersToLeave();
    this.#letWorkersGo();
    world.after(MENDED_MS, null, 'the faults stop', () => {
      this.#armed.length = 0;
      this.#lateWrites = 0;
      this.#run.absent.clear();
      network.mendAll();
      disk.isFull = false;
      this.#run.resumeAll();
    });
    return MENDED_MS;
  }

  /** A process has come to a failpoint. */
  hit(process: SimulatedProcess, name: FailpointName): void {
    if (name === 'coordinator.prepared' && this.#lateWrites > 0) {
      this.#lateWrites -= 1;
      if ((this.#run.sharedMemory?.writeLate() ?? 0) > 0) this.#run.count('memory.written-late');
    }
    const role = this.#run.roleOf(process);
    const armed = this.#armed.find((one) => one.name === name);
    if (armed === undefined || role === null || process.state !== 'alive') return;
    armed.passes -= 1;
    if (armed.passes >= 0) return;
    this.#armed.splice(this.#armed.indexOf(armed), 1);
    const { world } = this.#run;
    world.log(`failpoint ${name}`);
    this.#run.count(`failpoint.${name}`);
    if (armed.does === 'kill') this.#run.kill(role, `failpoint ${name}`);
    else if (armed.does === 'stop') {
      this.#run.stop(role, world.between(20, 350), `failpoint ${name}`);
    } else this.#run.replace(role, world.between(60, 500));
  }

  #strike(): void {
    const run = this.#run;
    const { world, disk } = run;
    const role = this.#pickRole();
    const draw = world.rng.integer(100);
    if (draw < 35) run.kill(role, 'SIGKILL');
    else if (draw < 44) run.stop(role, world.between(20, 450), 'SIGSTOP');
    else if (draw < 50) run.hang(role, world.between(20, 450));
    else if (draw < 65) run.replace(role, world.between(60, 500));
    else if (draw < 85) this.#cut(role, this.#pickRole(), world.between(30, 350));
    else if (draw < 89) run.startSecond();
    else if (draw < 93) run.terminate();
    else if (draw < 96) disk.damageNewest();
    else {
      disk.isFull = true;
      world.after(world.between(20, 400), null, 'there is space on the disk again', () => {
        disk.isFull = false;
      });
    }
  }

  /** Some runs have a server moved elsewhere: drawn apart, so that the other faults of a seed stay what they are. */
  #askServersToLeave(): void {
    const { seed, world, roles } = this.#run;
    const rng = seededRng('leaving', seed);
    if (rng.integer(LEAVING_SEEDS) > 0) return;
    const servers = roles.filter((role) => role.startsWith('server'));
    const role = servers[rng.integer(servers.length)]!;
    world.after(rng.float() * FAULTS_MS, null, '', () => {
      this.#run.askToLeave(role);
    });
  }

  /** In some runs a person lets workers go; whoever keeps them running starts others. Drawn apart, too. */
  #letWorkersGo(): void {
    const { seed, world, roles } = this.#run;
    const rng = seededRng('drained', seed);
    if (rng.integer(DRAINED_SEEDS) > 0) return;
    const workers = roles.filter((role) => role.startsWith('worker'));
    for (let i = 1 + rng.integer(MOST_DRAINED); i > 0; i -= 1) {
      const role = workers[rng.integer(workers.length)]!;
      world.after(rng.float() * FAULTS_MS, null, '', () => {
        this.#run.letGo(role);
      });
    }
  }

  /** One image, or all of them, as when a share is unmounted; back before long. */
  #hideImages(): void {
    const { world, scenario, absent } = this.#run;
    const all = Array.from({ length: scenario.images }, (_, id) => id);
    const hidden = world.rng.integer(2) === 0 ? all : [world.pick(all)!];
    world.log(`images ${hidden.join(', ')} are gone`);
    this.#run.count('images.hidden');
    for (const id of hidden) absent.add(id);
    world.after(world.between(20, 400), null, `images ${hidden.join(', ')} are back`, () => {
      for (const id of hidden) absent.delete(id);
    });
  }

  /** Each kind of process as often as the others. */
  #pickRole(): string {
    const { world, roles } = this.#run;
    const kind = world.pick(['coordinator', 'server', 'worker'])!;
    return world.pick(roles.filter((role) => role.startsWith(kind)))!;
  }

  #cut(a: string, b: string, forMs: number): void {
    const { world, network } = this.#run;
    const [one, other] = [a, b].map((role) => this.#run.nameIn(role)) as [string, string];
    if (one === other) return;
    world.log(`${one} and ${other} are cut off`);
    network.cut(one, other);
    world.after(forMs, null, `${one} and ${other} are together again`, () => {
      network.mend(one, other);
    });
  }
}
