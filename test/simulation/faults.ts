/**
 * What goes wrong in a simulated run, drawn from its seed: weather on the network, processes that die, stop, come back as
 * zombies or are cut off, a full disk, a damaged checkpoint, and deaths at named failpoints.
 */
import type { FailpointName } from '../../src/process/failpoints.ts';
import type { Simulation } from './simulation.ts';
import type { SimulatedProcess } from './virtual-world.ts';

/** Faults begin within this time, and are all over after the second [ms]. */
const FAULTS_MS = 400;
const MENDED_MS = 800;
const MOST_FAULTS = 4;
const MOST_FAILPOINTS = 2;

const FAILPOINTS: readonly FailpointName[] = [
  'folder.claimed',
  'coordinator.begun',
  'coordinator.clustered',
  'coordinator.headReset',
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

interface Armed {
  readonly name: FailpointName;
  /** Times it is passed before. */
  passes: number;
  readonly does: 'kill' | 'stop' | 'replace';
}

export class Faults {
  readonly #simulation: Simulation;
  readonly #armed: Armed[];

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    const { world } = simulation;
    this.#armed = Array.from({ length: world.rng.integer(MOST_FAILPOINTS + 1) }, () => ({
      name: world.pick(FAILPOINTS)!,
      passes: world.rng.integer(5),
      does: world.pick(['kill', 'kill', 'stop', 'replace'] as const)!,
    }));
  }

  /** Queues them. @returns when the last one is over */
  begin(): number {
    const { world, network, disk } = this.#simulation;
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
    world.after(MENDED_MS, null, 'the faults stop', () => {
      this.#armed.length = 0;
      this.#simulation.absent.clear();
      network.mendAll();
      disk.isFull = false;
      this.#simulation.resumeAll();
    });
    return MENDED_MS;
  }

  /** A process has come to a failpoint. */
  hit(process: SimulatedProcess, name: FailpointName): void {
    const role = this.#simulation.roleOf(process);
    const armed = this.#armed.find((one) => one.name === name);
    if (armed === undefined || role === null || process.state !== 'alive') return;
    armed.passes -= 1;
    if (armed.passes >= 0) return;
    this.#armed.splice(this.#armed.indexOf(armed), 1);
    const { world } = this.#simulation;
    world.log(`failpoint ${name}`);
    this.#simulation.count(`failpoint.${name}`);
    if (armed.does === 'kill') this.#simulation.kill(role, `failpoint ${name}`);
    else if (armed.does === 'stop') {
      this.#simulation.stop(role, world.between(20, 350), `failpoint ${name}`);
    } else this.#simulation.replace(role, world.between(60, 500));
  }

  #strike(): void {
    const simulation = this.#simulation;
    const { world, disk } = simulation;
    const role = this.#pickRole();
    const draw = world.rng.integer(100);
    if (draw < 35) simulation.kill(role, 'SIGKILL');
    else if (draw < 44) simulation.stop(role, world.between(20, 450), 'SIGSTOP');
    else if (draw < 50) simulation.hang(role, world.between(20, 450));
    else if (draw < 65) simulation.replace(role, world.between(60, 500));
    else if (draw < 85) this.#cut(role, this.#pickRole(), world.between(30, 350));
    else if (draw < 89) simulation.startSecond();
    else if (draw < 93) simulation.terminate();
    else if (draw < 96) disk.damageNewest();
    else {
      disk.isFull = true;
      world.after(world.between(20, 400), null, 'there is space on the disk again', () => {
        disk.isFull = false;
      });
    }
  }

  /** One image, or all of them, as when a share is unmounted; back before long. */
  #hideImages(): void {
    const { world, scenario, absent } = this.#simulation;
    const all = Array.from({ length: scenario.images }, (_, id) => id);
    const hidden = world.rng.integer(2) === 0 ? all : [world.pick(all)!];
    world.log(`images ${hidden.join(', ')} are gone`);
    this.#simulation.count('images.hidden');
    for (const id of hidden) absent.add(id);
    world.after(world.between(20, 400), null, `images ${hidden.join(', ')} are back`, () => {
      for (const id of hidden) absent.delete(id);
    });
  }

  /** Each kind of process as often as the others. */
  #pickRole(): string {
    const { world, roles } = this.#simulation;
    const kind = world.pick(['coordinator', 'server', 'worker'])!;
    return world.pick(roles.filter((role) => role.startsWith(kind)))!;
  }

  #cut(a: string, b: string, forMs: number): void {
    const { world, network } = this.#simulation;
    const [one, other] = [a, b].map((role) => this.#simulation.nameIn(role)) as [string, string];
    if (one === other) return;
    world.log(`${one} and ${other} are cut off`);
    network.cut(one, other);
    world.after(forMs, null, `${one} and ${other} are together again`, () => {
      network.mend(one, other);
    });
  }
}
