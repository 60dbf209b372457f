import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ParameterHost } from '../../server/parameter-host.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';
import { trainingConfigSchema } from '../../src/ps/config.ts';
import { initialHead, initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { bodyCount, validateLayout, type ParameterLayout } from '../../src/ps/layout.ts';
import { joinShards, planParameterShards } from '../../src/ps/parameter-plan.ts';
import { VectorCollector, type NamedVectors } from '../../src/rpc/named-vectors.ts';
import type { SentPush } from '../../src/rpc/parameters-client.ts';
import type { ParameterServers } from '../../src/server-clients/parameter-servers.ts';
import { joinRows, memoryShapes, samplesOnShard } from '../../src/server-clients/sample-shards.ts';
import type { MovedRows } from '../../src/server-clients/sample-shards.ts';
import { localServers } from '../support/doubles/local-servers.ts';
import { layoutOf, tinyLayout } from '../support/made/layouts.ts';

const { signal } = new AbortController();
const TRAINING = trainingConfigSchema.parse({ batchSize: 6, sliceSize: 2, learningRate: 0.1 });
const SEED = 7;

function randomLayout(rng: Rng): ParameterLayout {
  const names = ['a', 'b', 'c', 'head.weight', 'head.bias'];
  const heads = rng.integer(3);
  const variables = names.map((name, i) => ({
    name,
    shape: [1 + rng.integer(40)],
    group: i >= names.length - heads ? ('head' as const) : ('body' as const),
    initial:
      rng.integer(2) === 0
        ? { kind: 'normal' as const, std: 0.1 }
        : { kind: 'constant' as const, value: 0.5 },
  }));
  const layout = layoutOf('random', variables, [
    { name: 's', shape: [1 + rng.integer(5)], initial: { kind: 'constant', value: 1 } },
    { name: 't', shape: [2], initial: { kind: 'constant', value: 0 }, momentum: 1 },
  ]);
  validateLayout(layout);
  return layout;
}

function variable(name: string, elements: number) {
  const initial = { kind: 'constant', value: 0 } as const;
  return { name, shape: [elements], group: 'body', initial } as const;
}

function contentOf(layout: ParameterLayout, snapshot: NamedVectors | null = null) {
  return {
    layoutJson: JSON.stringify(layout),
    trainingJson: JSON.stringify(TRAINING),
    seed: SEED,
    snapshot,
  };
}

function pushOf(
  layout: ParameterLayout,
  step: number,
  slice: number,
  stepSlices = 1,
): SentPush<MovedRows> {
  const rng = seededRng('push', step, slice);
  return {
    ...{ step, slice, slices: 1, stepSlices, generation: 1, basedOn: step, samples: 2 },
    ...{ workerId: 'w', incarnation: 'i' },
    gradient: Float32Array.from({ length: layout.parameterCount }, () => rng.normal()),
    statistics: Float32Array.from({ length: layout.statisticCount }, () => rng.float()),
  };
}

/** Two steps, a new head, a step of two slices; everything that is in the servers afterwards. */
async function train(servers: ParameterServers, layout: ParameterLayout): Promise<NamedVectors> {
  for (let step = 0; step < 3; step += 1) {
    if (step === 2) await servers.resetHead(1, signal);
    const slices = step === 2 ? [0, 1] : [0, 1, 2];
    for (const slice of slices.toReversed()) {
      const reply = await servers.push(pushOf(layout, step, slice, slices.length), signal);
      assert.equal(reply.outcome, 'staged');
    }
    const committed = slices.map((slice) => ({ slice, generation: 1 }));
    const reply = await servers.commit(step, committed, 0.5, signal);
    assert.deepEqual(reply, { kind: 'committed', version: step + 1 });
    assert.deepEqual(await servers.commit(step, committed, 0.5, signal), reply, 'told again');
  }
  return servers.snapshot(0, signal);
}

function bytesOf({ version, headEpoch, vectors }: NamedVectors): unknown {
  return { version, headEpoch, vectors: [...vectors].map(([name, v]) => [name, [...v]]) };
}

describe('the plan of the parameters', () => {
  test('covers everything once, balanced to one element, whatever the layout', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const rng = seededRng('plan', seed);
      const layout = randomLayout(rng);
      const shards = planParameterShards(layout, 1 + rng.integer(5));
      const sizes = shards.map((shard) => shard.layout.parameterCount);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `seed ${seed}: ${sizes.join()}`);
      const joined = joinShards(shards.map((shard) => initialParameters(shard.layout, SEED)));
      assert.deepEqual(joined, initialParameters(layout, SEED), `seed ${seed}: initial values`);
      const heads = joinShards(shards.map((shard) => initialHead(shard.layout, SEED, 3)));
      assert.deepEqual(heads, initialHead(layout, SEED, 3), `seed ${seed}: heads`);
      const statistics = joinShards(shards.map((shard) => initialStatistics(shard.layout)));
      assert.deepEqual(statistics, initialStatistics(layout), `seed ${seed}: statistics`);
      const bodies = shards.reduce((total, shard) => total + bodyCount(shard.layout), 0);
      assert.equal(bodies, bodyCount(layout), `seed ${seed}: bodies`);
      assert.equal(new Set(shards.map(({ hash }) => hash)).size, shards.length);
    }
  });

  test('cannot have more parameter shards than parameters', () => {
    const layout = randomLayout(seededRng('few'));
    const few = { ...layout, variables: layout.variables.slice(0, 1) };
    assert.throws(
      () => planParameterShards({ ...few, parameterCount: 1 }, 2),
      /parameter shard: expected one of 1 to 1/,
    );
  });

  test('gives every server what can be pulled from it: where there are too few servers, it is refused at once', () => {
    // As large as the checked layout of a run can be; nobody has memory for it here.
    const huge = layoutOf('huge', [variable('a', 2 ** 29), variable('b', 2 ** 29)], []);
    validateLayout(huge);
    assert.throws(() => planParameterShards(huge, 1), {
      code: 'PROTOCOL_VIOLATION',
      message:
        /parameter shard: expected at most 536870912 parameters, got 1073741824; use more parameter servers/,
    });
    for (const { layout } of planParameterShards(huge, 2)) {
      const collector = new VectorCollector('pull');
      const header = { name: 'parameters', version: 0, headEpoch: -1 };
      collector.begin({ ...header, elements: layout.parameterCount });
    }
  });
});

describe('the plan of whole variables', () => {
  test('cuts between them, covers everything once, and is as even as they allow', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const rng = seededRng('whole', seed);
      const layout = randomLayout(rng);
      const count = 1 + rng.integer(layout.variables.length);
      const shards = planParameterShards(layout, count, 'betweenVariables');
      const names = shards.flatMap((shard) => shard.layout.variables.map(({ name }) => name));
      assert.deepEqual(
        names,
        layout.variables.map(({ name }) => name),
        `seed ${seed}`,
      );
      assert.ok(shards.every(({ layout: own }) => own.variables.length > 0));
      assert.ok(shards.flatMap(({ layout: own }) => own.variables).every(({ rank }) => !rank));
      const hashes = new Set(shards.map(({ hash }) => hash));
      for (const { hash } of planParameterShards(layout, count)) assert.ok(!hashes.has(hash));
      const largest = Math.max(...layout.variables.map(({ size }) => size));
      const ends = shards.map(({ parameters }) => parameters.end);
      // Where there are many more variables than servers, an end is within half a variable.
      if (count > 2) continue;
      const ideal = Math.floor(layout.parameterCount / count);
      assert.ok(Math.abs(ends[0]! - ideal) <= largest, `seed ${seed}: ${ends.join()}`);
    }
  });

  test('cannot have more servers than variables', () => {
    const layout = randomLayout(seededRng('few'));
    assert.throws(
      () => planParameterShards(layout, 6, 'betweenVariables'),
      /parameter shard: expected one of 1 to 5, got 0 of 6.*use fewer parameter servers/,
    );
  });
});

describe('several parameter servers', () => {
  test('with LARS do what one does, bit for bit, and go on from each other’s snapshots', async () => {
    const trainingJson = JSON.stringify({ ...TRAINING, optimizer: 'lars', larsTrust: 0.1 });
    for (let seed = 0; seed < 20; seed += 1) {
      const vectors = randomLayout(seededRng('lars', seed));
      // Matrices, so that they have rates of their own.
      const layout = layoutOf(
        'lars',
        vectors.variables.map((variable, i) => ({
          ...variable,
          shape: i % 2 === 0 ? [variable.size, 3] : variable.shape,
        })),
        vectors.statistics,
      );
      const content = (snapshot: NamedVectors | null = null) => ({
        ...contentOf(layout, snapshot),
        trainingJson,
      });
      const plan = (count: number) => planParameterShards(layout, count, 'betweenVariables');
      const alone = localServers(plan(1), 1).servers;
      await alone.restore(content(), signal);
      const expected = bytesOf(await train(alone, layout));
      const plain = localServers(planParameterShards(layout, 1), 1).servers;
      await plain.restore(contentOf(layout), signal);
      assert.notDeepEqual(bytesOf(await train(plain, layout)), expected);
      for (const count of [2, 3]) {
        const { servers } = localServers(plan(count), 1);
        await servers.restore(content(), signal);
        const snapshot = await train(servers, layout);
        assert.deepEqual(bytesOf(snapshot), expected, `seed ${seed}, ${count} servers`);
        const other = localServers(plan(5 - count), 1).servers;
        await other.restore(content(snapshot), signal);
        assert.deepEqual(bytesOf(await other.snapshot(0, signal)), expected, `resharded ${seed}`);
      }
    }
  });

  test('do what one does, bit for bit, and go on from each other’s snapshots', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const layout = randomLayout(seededRng('servers', seed));
      const alone = localServers(planParameterShards(layout, 1), 1).servers;
      await alone.restore(contentOf(layout), signal);
      const expected = bytesOf(await train(alone, layout));
      for (const count of [2, 3]) {
        const { servers } = localServers(planParameterShards(layout, count), 1);
        assert.equal(await servers.restore(contentOf(layout), signal), 0);
        const snapshot = await train(servers, layout);
        assert.deepEqual(bytesOf(snapshot), expected, `seed ${seed}, ${count} servers`);
        const other = localServers(planParameterShards(layout, 5 - count), 1).servers;
        assert.equal(await other.restore(contentOf(layout, snapshot), signal), 3);
        assert.deepEqual(bytesOf(await other.snapshot(0, signal)), expected, `resharded ${seed}`);
      }
    }
  });

  test('apply nothing while one of them lacks a slice', async () => {
    const shards = planParameterShards(tinyLayout, 2);
    const { servers, hosts } = localServers(shards, 1);
    await servers.restore(contentOf(tinyLayout), signal);
    const push = pushOf(tinyLayout, 0, 0);
    const half = localServers([shards[0]!], 1, [hosts[0]!]).servers;
    await half.push(push, signal);
    const commit = () => servers.commit(0, [{ slice: 0, generation: 1 }], 1, signal);
    assert.deepEqual(await commit(), { kind: 'missing', slices: [0] });
    for (const [i, host] of hosts.entries()) {
      const { store } = host.require({ planHash: shards[i]!.hash, term: 1 });
      assert.equal(store.version, 0, `server ${i}`);
    }
    assert.equal((await servers.push(push, signal)).outcome, 'staged', 'one had it, one had not');
    assert.equal((await servers.push(push, signal)).outcome, 'duplicate');
    assert.deepEqual(await commit(), { kind: 'committed', version: 1 });
  });

  test('refuse what an earlier term sends, and wait for what a later one has to restore', async () => {
    const shards = planParameterShards(tinyLayout, 2);
    const earlier = localServers(shards, 1);
    await earlier.servers.restore(contentOf(tinyLayout), signal);
    const later = localServers(shards, 2, earlier.hosts).servers;
    await assert.rejects(later.pull(0, signal), { code: 'UNAVAILABLE' });
    await later.restore(contentOf(tinyLayout), signal);
    const push = pushOf(tinyLayout, 0, 0);
    const calls: (() => Promise<unknown>)[] = [
      () => earlier.servers.pull(0, signal),
      () => earlier.servers.push(push, signal),
      () => earlier.servers.commit(0, [{ slice: 0, generation: 1 }], 1, signal),
      () => earlier.servers.resetHead(0, signal),
      () => earlier.servers.snapshot(0, signal),
      () => earlier.servers.restore(contentOf(tinyLayout), signal),
    ];
    for (const call of calls) await assert.rejects(call, { code: 'GENERATION_FENCED' });
    await later.push(push, signal);
    await later.commit(0, [{ slice: 0, generation: 1 }], 1, signal);
    // A restore that comes twice, or late, takes nothing back.
    assert.equal(await later.restore(contentOf(tinyLayout), signal), 0);
    assert.equal((await later.pull(1, signal)).version, 1);
  });

  test('refuse calls about another parameter shard', async () => {
    const shards = planParameterShards(tinyLayout, 2);
    const { servers, hosts } = localServers(shards, 1);
    await servers.restore(contentOf(tinyLayout), signal);
    const crossed = localServers(shards, 1, hosts.toReversed()).servers;
    await assert.rejects(crossed.pull(0, signal), /plan of the parameters: expected \w+\.2of2/);
  });

  test('end every call, a commit too, once one of them is lost', async () => {
    const shards = planParameterShards(tinyLayout, 1);
    const lost = new AbortController();
    const host = new ParameterHost();
    const { servers } = localServers(shards, 1, [host]);
    await servers.restore(contentOf(tinyLayout), signal);
    const seen: boolean[] = [];
    const { ParameterServers: Servers } =
      await import('../../src/server-clients/parameter-servers.ts');
    const watched = new Servers(
      shards,
      [
        {
          ...localServerOf(servers),
          commit: (_step, _slices, _factor, either) => {
            lost.abort(new Error('gone'));
            seen.push(either.aborted);
            return Promise.reject(either.reason as Error);
          },
        },
      ],
      lost.signal,
    );
    await assert.rejects(watched.commit(0, [{ slice: 0, generation: 1 }], 1, signal), /gone/);
    assert.deepEqual(seen, [true]);
  });
});

/** Only so that the object has every verb; the test calls one of them. */
function localServerOf(servers: ParameterServers) {
  const never = (): never => {
    throw new Error('not to be called');
  };
  return {
    ...{ pull: never, push: never, prepare: never, resetHead: never, snapshot: never },
    restore: never,
    close: servers.close.bind(servers),
  };
}

describe('samples on several servers', () => {
  test('are divided by their ids, and come together again', () => {
    for (const [count, servers] of [
      [1, 1],
      [7, 3],
      [9, 3],
      [5, 2],
    ] as const) {
      const dim = 3;
      const ids = Int32Array.from({ length: count }, (_, id) => id);
      const rows = Float32Array.from({ length: count * dim }, (_, i) => i);
      const shapes = memoryShapes({ first: 0, stride: 1, count, dim, classes: 2 }, servers);
      const held = shapes.map((_shape, shardIndex) =>
        samplesOnShard({ ids, rows, pseudoLabels: ids }, shardIndex, servers),
      );
      held.forEach((moved, shardIndex) => {
        const { first, stride, count: number } = shapes[shardIndex]!;
        const expected = Array.from({ length: number }, (_, i) => first + i * stride);
        assert.deepEqual([...moved.ids], expected);
        assert.deepEqual([...moved.pseudoLabels], expected);
      });
      const joined = joinRows(
        held.map((moved) => moved.rows),
        dim,
      );
      assert.deepEqual(joined, rows);
    }
  });
});
