/** What a peer states is refused by the services before memory is taken for it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import type * as grpc from '@grpc/grpc-js';
import { addParametersService } from '../../server/parameter-service.ts';
import { encodeSafetensors } from '../../src/arrays/safetensors.ts';
import { trainingConfigSchema } from '../../src/ps/config.ts';
import { planParameterShard } from '../../src/ps/parameter-plan.ts';
import { callDownload, callUnary, callUpload } from '../../src/rpc/calls.ts';
import { channelTo, startServer, type BoundServer } from '../../src/rpc/channel/channel.ts';
import { wire } from '../../src/rpc/definitions.ts';
import type { RestoreMessage } from '../../src/rpc/generated/deepcluster/v1/RestoreMessage.ts';
import { tinyLayout } from '../support/made/layouts.ts';

const layout = tinyLayout;
const { hash: planHash, layout: shard } = planParameterShard(layout, 1, 0);
const HUGE = 2 ** 31;
const identity = { planHash, term: 1 };
const training = trainingConfigSchema.parse({ batchSize: 4, sliceSize: 2 });
const shape = { first: 0, stride: 1, count: 6, dim: 3, classes: 2 };

let server: BoundServer;
let parameters: InstanceType<typeof wire.Parameters>;
let memory: InstanceType<typeof wire.SampleMemory>;

before(async () => {
  server = await startServer('127.0.0.1:0', addParametersService);
  parameters = new wire.Parameters(...channelTo(server.address, 'parameters'));
  memory = new wire.SampleMemory(...channelTo(server.address, 'parameters'));
  await restore([]);
  await callUnary(
    memory.beginMemory.bind(memory),
    { ...identity, shape },
    limits('begin of the memory'),
  );
});
after(async () => {
  parameters.close();
  memory.close();
  await server.stop(0);
});

function limits(what: string) {
  return { what, deadlineMs: 5_000, signal: new AbortController().signal };
}

function restore(vectors: RestoreMessage[], term = 1): Promise<unknown> {
  const header = {
    layoutJson: JSON.stringify(layout),
    trainingJson: JSON.stringify(training),
    ...{ seed: 1, fromSnapshot: vectors.length > 0, parts: 1, part: 0, term },
  };
  const messages = [{ header }, ...vectors];
  return callUpload(parameters.restore.bind(parameters), messages, limits('restore'));
}

/** Refused while it is sent, within this much more memory [bytes]. */
async function assertRefused(call: Promise<unknown>, reason: RegExp): Promise<void> {
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(call, { code: 'PROTOCOL_VIOLATION', message: reason });
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 2 ** 20);
}

describe('a parameter server', () => {
  test('restores vectors of exactly the names and lengths that the layout has', async () => {
    const version = { version: 1, headEpoch: -1 };
    const vectors = [
      { name: 'parameters', elements: HUGE / 4 },
      { name: 'parameters', elements: shard.parameterCount + 1 },
      { name: 'statistics', elements: shard.statisticCount + 1 },
      { name: 'momentum', elements: HUGE / 4 },
      { name: 'memory-rows', elements: 1 },
      { name: 'something', elements: 1 },
    ];
    for (const vector of vectors) {
      const call = restore([{ vector: { ...vector, ...version } }], 2);
      await assertRefused(call, new RegExp(`restored vector ${vector.name}: expected at most`));
    }
  });

  test('takes pushes of exactly the lengths of its parameter shard', async () => {
    for (const [name, elements] of [
      ['gradientElements', HUGE],
      ['statisticsElements', shard.statisticCount + 1],
    ] as const) {
      const push = header({ [name]: elements });
      const call = callUpload(parameters.push.bind(parameters), [{ header: push }], limits('push'));
      await assertRefused(call, /elements, got/);
    }
  });

  test('takes no more memory rows with a push than the push has samples', async () => {
    const chunk = { offset: 0, total: HUGE, data: Buffer.alloc(8) };
    for (const samples of [2, 2 ** 32 - 1]) {
      const messages = [{ header: header({ samples }) }, { memory: chunk }];
      const call = callUpload(parameters.push.bind(parameters), messages, limits('push'));
      await assertRefused(call, /bytes of pushed memory rows: expected at most/);
    }
  });

  test('takes bundles no larger than the whole memory', async () => {
    const chunk = { offset: 0, total: HUGE, data: Buffer.alloc(8) };
    for (const method of ['fillMemory', 'sealMemory', 'relabel'] as const) {
      const messages = [{ header: { ...identity, step: 0, shard: 0, generation: 0 } }, { chunk }];
      const call = callUpload(memory[method].bind(memory) as never, messages, limits(method));
      await assertRefused(call, /bytes of .*: expected at most/);
    }
  });

  test('hands out no more rows at a time than it has', async () => {
    const ids = Array.from({ length: shape.count }, (_, id) => id);
    const arrays = {
      ids: { data: Int32Array.from(ids), shape: [6] },
      rows: { data: new Float32Array(18).fill(0.5), shape: [6, 3] },
    };
    const fill = { ...identity, shard: 0, generation: 0, step: 0 };
    await upload('fillMemory', fill, encodeSafetensors(arrays));
    const labels = { pseudoLabels: { data: new Int32Array(6), shape: [6] } };
    await upload('sealMemory', fill, encodeSafetensors(labels));
    await fetchRows(ids);
    // A message of 4 MiB could ask for a million rows.
    const many = fetchRows(Array.from({ length: 1_000_000 }, () => 0));
    await assertRefused(many, /samples whose memory rows are asked for: expected at most 6/);
  });
});

function header(changed: Record<string, number>) {
  return {
    ...identity,
    ...{
      step: 0,
      slice: 0,
      generation: 0,
      workerId: 'w',
      incarnation: 'i',
      basedOn: 0,
      samples: 2,
    },
    gradientElements: shard.parameterCount,
    statisticsElements: shard.statisticCount,
    ...changed,
  };
}

async function upload(
  method: 'fillMemory' | 'sealMemory',
  head: object,
  bytes: Uint8Array,
): Promise<void> {
  const chunk = { offset: 0, total: bytes.byteLength, data: Buffer.from(bytes) };
  const messages = [{ header: head }, { chunk }];
  await callUpload(memory[method].bind(memory) as never, messages, limits(method));
}

function fetchRows(ids: number[]): Promise<void> {
  const request = { ...identity, step: 0, ids };
  const fetch = memory.fetchRows.bind(memory);
  return callDownload(fetch, request, () => undefined, limits('rows'));
}

test('a worker has one name in a session, and a name of few letters', async () => {
  const { CoordinatorService } = await import('../../coordinator/fleet/service.ts');
  const { ServerSessions } = await import('../../coordinator/fleet/server-session-service.ts');
  const service = new CoordinatorService(new ServerSessions(null));
  service.begin({
    welcome: () => ({
      ...{ runId: 'r', configJson: '{}', parameterServers: [], heartbeatMs: 1, term: 1 },
    }),
  } as never);
  const bound = await startServer('127.0.0.1:0', (grpcServer: grpc.Server) => {
    service.addTo(grpcServer);
  });
  const client = new wire.Coordinator(...channelTo(bound.address, 'coordinator'));
  const answersTo = async (...names: string[]): Promise<string[]> => {
    const call = client.session();
    const kinds: string[] = [];
    call.on('data', (message: object) => kinds.push(Object.keys(message).join()));
    for (const workerId of names) {
      call.write({ hello: { protocolVersion: PROTOCOL_VERSION, workerId, incarnation: 'i' } });
    }
    call.end();
    await once(call, 'end');
    return kinds;
  };
  const { PROTOCOL_VERSION } = await import('../../src/rpc/definitions.ts');
  try {
    assert.deepEqual(await answersTo('w'), ['welcome,message']);
    assert.deepEqual(await answersTo('w', 'v'), ['welcome,message', 'refused,message']);
    for (const name of ['', 'a/b', 'a\nb', 'x'.repeat(129)]) {
      assert.deepEqual(await answersTo(name), ['refused,message'], name);
    }
  } finally {
    client.close();
    await bound.stop(0);
  }
});
