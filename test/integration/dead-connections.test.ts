/** Connections of which one side knows nothing any more: calls on them end, and clients made anew do not take them over. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { addParametersService } from '../../server/parameter-service.ts';
import { TrainerError } from '../../src/errors.ts';
import { trainingConfigSchema } from '../../src/ps/config.ts';
import { planParameterShard } from '../../src/ps/parameter-plan.ts';
import { callUnary } from '../../src/rpc/calls.ts';
import { channelTo, startServer, type BoundServer } from '../../src/rpc/channel/channel.ts';
import { wire } from '../../src/rpc/definitions.ts';
import { ParametersClient } from '../../src/rpc/parameters-client.ts';
import { FaultProxy } from '../support/doubles/fault-proxy.ts';
import { tinyLayout } from '../support/made/layouts.ts';

const { hash: planHash } = planParameterShard(tinyLayout, 1, 0);
const training = trainingConfigSchema.parse({ batchSize: 4, sliceSize: 2 });
const { signal } = new AbortController();

let server: BoundServer;
let proxy: FaultProxy;
/** Closed after each test, however it ended. */
const clients: { close(): void }[] = [];

before(async () => {
  server = await startServer('127.0.0.1:0', addParametersService);
  const client = clientOf(server.address);
  const header = { shardCount: 1, shardIndex: 0, seed: 1, snapshot: null };
  const jsons = {
    layoutJson: JSON.stringify(tinyLayout),
    trainingJson: JSON.stringify(training),
  };
  await client.restore({ ...header, ...jsons }, signal);
  client.close();
});
beforeEach(async () => {
  proxy = await FaultProxy.start(() => server.address);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await proxy.stop();
});
after(async () => {
  await server.stop(0);
});

function clientOf(address: string): ParametersClient {
  return new ParametersClient({ address, planHash, term: 1, credentials: null });
}

test('a client that is closed ends its calls, though nothing comes from the other side', async () => {
  const client = clientOf(proxy.address);
  clients.push(client);
  await client.pull(0, signal);
  proxy.forgetConnections();
  const call = client.pull(0, signal);
  setTimeout(() => {
    client.close();
  }, 50);
  await assert.rejects(call, TrainerError);
  await assert.rejects(client.pull(0, signal), /stopped before the call was made/);
});

test('a client made anew has a connection of its own', async () => {
  const old = clientOf(proxy.address);
  clients.push(old);
  await old.pull(0, signal);
  proxy.forgetConnections();
  const fresh = clientOf(proxy.address);
  clients.push(fresh);
  assert.ok((await fresh.pull(0, signal)).vectors.size > 0);
});

test('keepalive finds a dead connection, long before a call gives up, and the call is made again', async () => {
  const patienceMs = 300;
  const client = new wire.Parameters(...channelTo(proxy.address, 'parameters', null, patienceMs));
  clients.push(client);
  const slices = [0, 1].map((slice) => ({ slice, generation: 0 }));
  const ask = (): Promise<unknown> =>
    callUnary(
      client.prepare.bind(client),
      { planHash, term: 1, step: 0, slices, learningRateFactor: 1 },
      { what: 'prepare', deadlineMs: 60_000, signal },
    );
  await ask();
  proxy.forgetConnections();
  const beginMs = performance.now();
  await assert.rejects(
    ask(),
    (error) => error instanceof TrainerError && error.code === 'UNAVAILABLE',
  );
  assert.ok(performance.now() - beginMs < 30_000, 'by keepalive, not by the deadline');
  await ask();
});
