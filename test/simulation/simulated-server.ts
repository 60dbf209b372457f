/**
 * A parameter server of a simulated run: the real ParameterHost behind the simulated network, and
 * its session with the coordinator. After each call that may change something its values are held
 * against the oracle's, bit for bit.
 */
import { ParameterHost, type CallIdentity } from '../../server/parameter-host.ts';
import type { ParameterShard } from '../../server/parameter-shard.ts';
import { stalenessBound } from '../../src/ps/config.ts';
import { PROTOCOL_VERSION } from '../../src/rpc/definitions.ts';
import type { SliceGeneration, SlicePush } from '../../src/ps/slice-push.ts';
import type { RestoreContent } from '../../src/rpc/parameters-client.ts';
import { SharedValues } from '../../src/parameter-plane/shared-values.ts';
import { HEARTBEAT_MS, TINY_LAYOUT } from './tiny-network.ts';
import type { Sender, ServerActor, SimulatedRun } from './simulated-run.ts';
import { SimulatedProcess } from './virtual-world.ts';

const RECONNECT_MS = 20;
/** For the run to take its checkpoint, once a server was asked to end. */
const LEAVE_MS = 1_000;

export class SimulatedServer implements ServerActor {
  readonly process: SimulatedProcess;
  readonly shardIndex: number;
  readonly incarnation: string;
  readonly address: string;
  readonly host: ParameterHost;
  readonly #run: SimulatedRun;
  /** With the coordinator; null between two. */
  #session: Sender | null = null;
  #isLeaving = false;
  /** The greatest it was filled for; 0 before. */
  term = 0;
  /** Versions that pushes were computed on, by term, step, slice and generation. */
  readonly #basedOn = new Map<string, number>();
  /** In #term, the newest seen. */
  #version = 0;

  constructor(run: SimulatedRun, shardIndex: number, birth: number) {
    this.#run = run;
    const { sharedMemory } = run;
    this.shardIndex = shardIndex;
    this.incarnation = `s${shardIndex}.${birth}`;
    this.process = new SimulatedProcess(`server-${shardIndex}`);
    this.host = new ParameterHost(
      sharedMemory === null ? null : new SharedValues(sharedMemory.make),
    );
    // A process that is started again listens where the last one did, or somewhere else.
    this.address = run.keepsAddresses ? `server-${shardIndex}` : this.incarnation;
  }

  /** Joins the coordinator that is there now, and comes again when the session ends. */
  register(): void {
    const { shardIndex, incarnation, address, process } = this;
    const { world } = this.#run;
    const again = (): void => {
      world.after(RECONNECT_MS, process, '', () => {
        this.register();
      });
    };
    let isOpen = true;
    const session = this.#run.openServerSession(process, {
      take: ({ stop, refused }) => {
        if (refused) world.kill(process, `refused: ${refused.reason}`);
        if (stop) world.kill(process, `told to stop: ${stop.reason}`);
      },
      closed: () => {
        isOpen = false;
        this.#session = null;
        if (this.#isLeaving) world.kill(process, 'its session is over');
        else again();
      },
    });
    this.#session = session;
    if (session === null) {
      again();
      return;
    }
    session.send({
      hello: { protocolVersion: PROTOCOL_VERSION, part: shardIndex, incarnation, pid: 1, address },
    });
    const beat = (): void => {
      if (!isOpen) return;
      session.send({ beat: {} });
      world.after(HEARTBEAT_MS, process, '', beat);
    };
    world.after(HEARTBEAT_MS, process, '', beat);
  }

  /** SIGTERM: it tells the coordinator, and waits for its word as server/main.ts does. */
  leave(): void {
    const { process } = this;
    const { world } = this.#run;
    if (process.state !== 'alive' || this.#isLeaving) return;
    world.after(0, process, 'SIGTERM', () => {
      this.#isLeaving = true;
      if (this.#session === null) world.kill(process, 'it has no session');
      this.#session?.send({ leaving: {} });
      world.after(LEAVE_MS, process, '', () => {
        world.kill(process, 'it has waited for long enough');
      });
    });
  }

  /** A call of some term. @throws what the server refuses */
  answer<Reply>(identity: CallIdentity, work: (shard: ParameterShard) => Reply): Reply {
    const shard = this.host.require(identity);
    if (identity.term !== this.term) {
      this.#run.world.violate(`a call of term ${identity.term} was taken in term ${this.term}`);
    }
    const reply = work(shard);
    this.#check(shard);
    return reply;
  }

  restore(content: RestoreContent & { readonly term: number }, planHash: string): number {
    const { term, layoutJson, trainingJson, memory, ...rest } = content;
    const version = this.host.restore({
      ...rest,
      term,
      layout: JSON.parse(layoutJson) as typeof TINY_LAYOUT,
      training: JSON.parse(trainingJson) as never,
      memory: memory ?? null,
    });
    if (term < this.term) this.#run.world.violate(`term ${term} began after ${this.term}`);
    if (term > this.term) {
      this.#requireNewest(term, version);
      this.#version = version;
    }
    this.term = Math.max(term, this.term);
    this.#check(this.host.require({ planHash, term: this.term }));
    return version;
  }

  /** A push is kept. */
  noteStaged(push: Pick<SlicePush, 'step' | 'slice' | 'generation' | 'basedOn'>): void {
    this.#basedOn.set(`${this.term}/${push.step}/${push.slice}/${push.generation}`, push.basedOn);
  }

  /** A step was applied: no gradient of it may be further behind than the mode allows. */
  noteApplied(step: number, slices: readonly SliceGeneration[]): void {
    const { world, config } = this.#run;
    for (const { slice, generation } of slices) {
      const key = `${this.term}/${step}/${slice}/${generation}`;
      const staleness = step - (this.#basedOn.get(key) ?? -1);
      if (staleness > 0) this.#run.count('step.stale');
      if (staleness >= 0 && staleness <= stalenessBound(config.training)) continue;
      world.violate(`step ${step}, slice ${slice}: ${staleness} versions behind`);
    }
  }

  /** What the server holds, if it is in that term. */
  shardIn(identity: CallIdentity): ParameterShard | null {
    return this.term === identity.term ? this.host.require(identity) : null;
  }

  /** A term begins with the newest checkpoint: what it has is never computed again. */
  #requireNewest(term: number, version: number): void {
    const { disk, world } = this.#run;
    if (term !== disk.terms.newest || version >= disk.newestStep) return;
    world.violate(
      `term ${term} begins at ${version}; the newest checkpoint has ${disk.newestStep}`,
    );
  }

  #check({ store, plan, memory }: ParameterShard): void {
    const { world, oracle } = this.#run;
    const { version, headEpoch, parameters, statistics, release } = store.pull();
    if (version !== this.#version && version !== this.#version + 1) {
      world.violate(`version ${version} of server ${this.shardIndex} after ${this.#version}`);
    }
    this.#version = version;
    if (stalenessBound(this.#run.config.training) > 0) {
      release();
      return;
    }
    const moment = oracle.moments.get(`${version}/${headEpoch}`);
    const isSame =
      moment !== undefined &&
      isEqual(parameters, moment.parameters, plan.parameters.begin) &&
      isEqual(statistics, moment.statistics, plan.statistics.begin);
    release();
    if (!isSame) {
      world.violate(`server ${this.shardIndex}: values of version ${version}, head ${headEpoch}`);
    } else if (memory?.isSealed === true && moment.memoryRows !== null) {
      const { first, stride, dim } = memory.shape;
      if (memory.memory.step !== version) world.violate('memory and parameters are out of step');
      memory.rows.forEach((value, i) => {
        const id = first + stride * Math.floor(i / dim);
        if (Object.is(value, moment.memoryRows![id * dim + (i % dim)])) return;
        world.violate(
          `server ${this.shardIndex}: memory row of sample ${id} at version ${version}`,
        );
      });
    }
  }
}

function isEqual(values: Float32Array, whole: Float32Array, begin: number): boolean {
  return values.every((value, i) => Object.is(value, whole[begin + i]));
}
