/** Parameters and gradients through shared memory, beside gRPC: real servers, and the same bits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addParametersService } from '../../server/parameter-service.ts';
import { GradientMemory } from '../../src/parameter-plane/gradient-memory.ts';
import { hostName, OwnSegment } from '../../src/parameter-plane/segment.ts';
import { planParameterShards } from '../../src/ps/parameter-plan.ts';
import { startServer } from '../../src/rpc/channel/channel.ts';
import { vectorOf, type NamedVectors } from '../../src/rpc/named-vectors.ts';
import { ParametersClient } from '../../src/rpc/parameters-client.ts';
import { connectServers, type Servers } from '../../src/server-clients/connect.ts';
import { ServerAccess } from '../../worker/server-access.ts';
import { tinyLayout as layout } from '../support/made/layouts.ts';
import { P, SEED, pushOf, training } from '../support/made/tiny-store.ts';

const skip = hostName() === '' && 'no shared memory on this system, or parameter kernels not built';
const signal = AbortSignal.timeout(120_000);
const identity = { workerId: 'w', incarnation: 'i' };

interface Plane {
  readonly addresses: readonly string[];
  readonly coordinator: Servers;
}

async function withServers(count: number, body: (plane: Plane) => Promise<void>): Promise<void> {
  const running: Awaited<ReturnType<typeof startServer>>[] = [];
  for (let i = 0; i < count; i += 1) {
    running.push(await startServer('127.0.0.1:0', addParametersService));
  }
  const addresses = running.map(({ address }) => address);
  const coordinator = connectServers({ addresses, term: 1, layout, cuts: 'anywhere', dim: 0 });
  try {
    await coordinator.parameters.restore(
      {
        ...{ layoutJson: JSON.stringify(layout), trainingJson: JSON.stringify(training) },
        ...{ seed: SEED, snapshot: null },
      },
      signal,
    );
    await body({ addresses, coordinator });
  } finally {
    coordinator.close();
    for (const server of running) await server.stop(0);
  }
}

function workerOf(addresses: readonly string[], sharesMemory: boolean): ServerAccess {
  const worker = new ServerAccess({ layout, cuts: 'anywhere', dim: 0 }, { sharesMemory });
  worker.connect(addresses, 1);
  return worker;
}

/** Three steps of two workers. @returns the parameters, and what the first worker pulled last */
async function trained(
  servers: number,
  shares: readonly [boolean, boolean],
): Promise<{ snapshot: NamedVectors; pulled: NamedVectors }> {
  let result: { snapshot: NamedVectors; pulled: NamedVectors } | null = null;
  await withServers(servers, async ({ addresses, coordinator }) => {
    const workers = shares.map((sharesMemory) => workerOf(addresses, sharesMemory));
    for (let step = 0; step < 3; step += 1) {
      for (const [slice, worker] of workers.entries()) {
        await worker.pull(step, signal);
        const push = { ...pushOf({ step, slice, stepSlices: 2 }), ...identity };
        assert.equal((await worker.push(push, signal)).outcome, 'staged');
        assert.equal((await worker.push(push, signal)).outcome, 'duplicate');
      }
      const slices = [0, 1].map((slice) => ({ slice, generation: 1 }));
      await coordinator.parameters.commit(step, slices, 1, signal);
    }
    const pulled = await workers[0]!.pull(3, signal);
    result = { snapshot: await coordinator.parameters.snapshot(0, signal), pulled };
    for (const worker of workers) worker.close();
  });
  return result!;
}

for (const servers of [1, 2]) {
  test(`shared memory moves the same bits as gRPC, servers: ${servers}`, { skip }, async () => {
    const { snapshot: expected, pulled: sent } = await trained(servers, [false, false]);
    assert.equal(sent.isIntact, undefined);
    for (const shares of [
      [true, true],
      [true, false],
    ] as const) {
      const { snapshot, pulled } = await trained(servers, shares);
      assert.deepEqual(snapshot.vectors, expected.vectors);
      // Of several servers it is the worker's own copy.
      assert.equal(pulled.isIntact?.(), servers === 1 ? true : undefined);
      assert.deepEqual(pulled.vectors, sent.vectors);
    }
  });

  test(`parameters arrive in memory that was given back, servers: ${servers}`, async () => {
    await withServers(servers, async ({ addresses }) => {
      const worker = workerOf(addresses, false);
      const first = await worker.pull(0, signal);
      const [memory, before] = [vectorOf(first, 'parameters'), [...vectorOf(first, 'parameters')]];
      const second = await worker.pull(0, signal);
      assert.notEqual(vectorOf(second, 'parameters').buffer, memory.buffer, 'in use');
      memory.fill(NaN);
      first.release?.();
      const third = await worker.pull(0, signal);
      assert.equal(vectorOf(third, 'parameters').buffer, memory.buffer);
      assert.deepEqual([...vectorOf(third, 'parameters')], before);
      worker.close();
    });
  });
}

test('parameters that are lent say when they have been written over', { skip }, async () => {
  await withServers(1, async ({ addresses, coordinator }) => {
    const worker = workerOf(addresses, true);
    const pulled = await worker.pull(0, signal);
    const before = vectorOf(pulled, 'parameters').slice();
    const isIntact = (): boolean | undefined => pulled.isIntact?.();
    const step = async (index: number): Promise<void> => {
      await worker.push({ ...pushOf({ step: index }), ...identity }, signal);
      const slices = [{ slice: 0, generation: 1 }];
      await coordinator.parameters.commit(index, slices, 1, signal);
    };
    // The other buffer is written first.
    await step(0);
    assert.equal(isIntact(), true);
    assert.deepEqual(vectorOf(pulled, 'parameters'), before);
    await step(1);
    assert.equal(isIntact(), false);
    worker.close();
  });
});

test(
  'a gradient that is written to after its push is not applied, and its slice can be pushed again',
  { skip },
  async () => {
    await withServers(1, async ({ addresses, coordinator }) => {
      const [plan] = planParameterShards(layout, 1);
      const link = { address: addresses[0]!, planHash: plan!.hash, term: 1, credentials: null };
      const client = new ParametersClient({ ...link, sharesMemory: true });
      const own = new OwnSegment(P);
      const written = (values: Float32Array) => {
        own.beginWrite();
        own.values.set(values);
        return { ...own.place, offset: 0, sequence: own.endWrite() };
      };
      const push = { ...pushOf(), ...identity };
      const before = await coordinator.parameters.snapshot(0, signal);
      const pushed = await client.push({ ...push, segment: written(push.gradient) }, signal);
      assert.equal(pushed.outcome, 'STAGED');
      // A process that goes on after its lease has gone to another one.
      const zombie = written(new Float32Array(P).fill(100));
      const slices = [{ slice: 0, generation: 1 }];
      assert.deepEqual(await coordinator.parameters.commit(0, slices, 1, signal), {
        kind: 'missing',
        slices: [0],
      });
      const after = await coordinator.parameters.snapshot(0, signal);
      assert.deepEqual(after.vectors, before.vectors);
      assert.equal(zombie.sequence, own.sequence);
      const again = await client.push({ ...push, segment: written(push.gradient) }, signal);
      assert.equal(again.outcome, 'STAGED');
      const committed = await coordinator.parameters.commit(0, slices, 1, signal);
      assert.equal(committed.kind, 'committed');
      // Late once more: the step has been applied, and stays so.
      const applied = await coordinator.parameters.snapshot(0, signal);
      written(new Float32Array(P).fill(100));
      const later = await coordinator.parameters.snapshot(0, signal);
      assert.deepEqual(later.vectors, applied.vectors);
      client.close();
    });
  },
);

test('what cannot be opened goes by gRPC from then on', { skip }, async () => {
  await withServers(1, async ({ addresses, coordinator }) => {
    const [plan] = planParameterShards(layout, 1);
    const link = { address: addresses[0]!, planHash: plan!.hash, term: 1, credentials: null };
    const client = new ParametersClient({ ...link, sharesMemory: true });
    assert.equal(client.takesSegments, true);
    const slot = new GradientMemory().lend(pushOf().gradient, { term: 1, version: 0 })!;
    // As from a container with other names of processes.
    const elsewhere = { ...slot, process: 2 ** 22 + 1, offset: 0 };
    const reply = await client.push({ ...pushOf(), ...identity, segment: elsewhere }, signal);
    assert.equal(reply.outcome, 'STAGED');
    assert.equal(client.takesSegments, false);
    await coordinator.parameters.commit(0, [{ slice: 0, generation: 1 }], 1, signal);
    const { vectors } = await coordinator.parameters.snapshot(0, signal);
    await withServers(1, async (twin) => {
      const worker = workerOf(twin.addresses, false);
      await worker.push({ ...pushOf(), ...identity }, signal);
      await twin.coordinator.parameters.commit(0, [{ slice: 0, generation: 1 }], 1, signal);
      assert.deepEqual((await twin.coordinator.parameters.snapshot(0, signal)).vectors, vectors);
      worker.close();
    });
    client.close();
  });
});

test('a worker says how its gradients go', { skip }, async () => {
  for (const [sharesMemory, way] of [
    [true, 'shared memory'],
    [false, 'gRPC'],
  ] as const) {
    await withServers(1, async ({ addresses, coordinator }) => {
      const ways: string[] = [];
      const network = { layout, cuts: 'anywhere', dim: 0 } as const;
      const worker = new ServerAccess(network, {
        sharesMemory,
        tellWay: (told) => ways.push(told),
      });
      worker.connect(addresses, 1);
      for (const step of [0, 1]) {
        await worker.push({ ...pushOf({ step }), ...identity }, signal);
        await coordinator.parameters.commit(step, [{ slice: 0, generation: 1 }], 1, signal);
      }
      assert.deepEqual(ways, [way]);
      worker.close();
    });
  }
});

test('a place that cannot be is refused before anything is read', { skip }, async () => {
  await withServers(1, async ({ addresses }) => {
    const [plan] = planParameterShards(layout, 1);
    const link = { address: addresses[0]!, planHash: plan!.hash, term: 1, credentials: null };
    const client = new ParametersClient({ ...link, sharesMemory: true });
    const slot = new GradientMemory().lend(pushOf().gradient, { term: 1, version: 0 })!;
    await assert.rejects(
      client.push({ ...pushOf(), ...identity, segment: { ...slot, offset: 1 } }, signal),
      /gradient: its end in shared memory: .*at most \d+/,
    );
    client.close();
  });
});
