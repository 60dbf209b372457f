import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { fetchStatus } from '../../src/rpc/status-client.ts';
import { PROTOCOL_VERSION, wire } from '../../src/rpc/definitions.ts';
import type { CoordinatorMessage__Output } from '../../src/rpc/generated/deepcluster/v1/CoordinatorMessage.ts';
import type { Ready } from '../../src/rpc/generated/deepcluster/v1/Ready.ts';
import type { Model } from '../../src/nn/model.ts';
import type { Compute } from '../../worker/session.ts';
import {
  PLAIN_LAYOUT,
  makeNoiseImages,
  plainCompute,
  readLines,
  readLosses,
  runPlain,
  temporaryFolder,
} from '../support/in-process-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');

before(async () => {
  await makeNoiseImages(data, 30);
});
after(() => {
  folder.remove();
});

interface Visitor {
  readonly protocolVersion?: number;
  readonly ready?: Partial<Ready>;
}

interface Refusal {
  readonly reason: string;
  readonly exitCode: number;
}

/** Says hello (and ready) to a coordinator as a worker would, and answers with the refusal, if any. */
async function visit(address: string, visitor: Visitor): Promise<Refusal | null> {
  for (;;) {
    const answer = await visitOnce(address, visitor);
    if (answer !== 'wait') return answer;
    await delay(20);
  }
}

function visitOnce(
  address: string,
  { protocolVersion = PROTOCOL_VERSION, ready }: Visitor,
): Promise<Refusal | 'wait' | null> {
  const client = new wire.Coordinator(address, grpc.credentials.createInsecure());
  const call = client.session();
  return new Promise((resolve) => {
    const leave = (answer: Refusal | 'wait' | null): void => {
      resolve(answer);
      call.cancel();
      client.close();
    };
    call.on('error', () => {
      leave(null);
    });
    call.on('end', () => {
      leave(null);
    });
    call.on('data', (message: CoordinatorMessage__Output) => {
      if (message.refused) leave(message.refused);
      if (message.wait) leave('wait');
      if (message.welcome) call.write({ ready: ready ?? {} });
    });
    call.write({ hello: { protocolVersion, workerId: 'visitor', incarnation: 'i', pid: 1 } });
  });
}

test('workers that do not fit are refused with one line and exit code 42, and the run goes on', async () => {
  const visits: Promise<unknown>[] = [];
  const layoutJson = JSON.stringify(PLAIN_LAYOUT);
  const summary = await runPlain({
    data,
    out: join(folder.path, 'visited'),
    workers: 1,
    onNotice: (notice) => {
      if (notice.type !== 'listening') return;
      visits.push(
        visit(notice.address, { protocolVersion: 99 }).then((refused) => {
          assert.equal(refused?.exitCode, 42);
          assert.match(
            refused.reason,
            /protocol version: expected \d+, got 99; run the same release/,
          );
        }),
        visit(notice.address, { ready: { dataDigest: 'other', imageCount: 7, layoutJson } }).then(
          (refused) => {
            assert.equal(refused?.exitCode, 42);
            assert.match(
              refused.reason,
              /data set: expected 30 images with digest .*, got 7 with other/,
            );
          },
        ),
      );
    },
  });
  await Promise.all(visits);
  assert.equal(visits.length, 2);
  assert.equal(summary.ledger.committed, 2 * 30);
});

test('unreadable images are skipped, counted and listed; too many stop the run', async () => {
  const damaged = join(folder.path, 'damaged');
  await makeNoiseImages(damaged, 30);
  writeFileSync(join(damaged, 'dark', 'not-an-image.jpg'), 'this is text');
  const out = join(folder.path, 'skipped');
  const summary = await runPlain({ data: damaged, out, workers: 2 });
  assert.equal(summary.images, 31);
  assert.equal(summary.unreadable, 1);
  assert.equal(summary.ledger.committed, 2 * 30, 'the unreadable image is never drawn');
  const strict = runPlain({
    data: damaged,
    out: join(folder.path, 'strict'),
    workers: 1,
    settings: { 'data.maxUnreadableFraction': 0 },
  });
  await assert.rejects(
    strict,
    /1 of 31 images cannot be read, more than data.maxUnreadableFraction/,
  );
});

test('constant features are a clear error', async () => {
  const collapsed = () => {
    const compute = plainCompute();
    return {
      ...compute,
      model: {
        ...compute.model,
        features: (_: Uint8Array, count: number) => new Float32Array(count * 10).fill(3),
      },
    };
  };
  const out = join(folder.path, 'constant');
  await assert.rejects(
    runPlain({ data, out, workers: 1, compute: collapsed }),
    /the same feature for all of them/,
  );
  assert.ok(readLines(out, 'events.jsonl').some(({ event }) => event === 'run.stopped'));
});

/** Networks whose gradient has a NaN in step 2, so many times over all workers. */
function sickNetworks(times: number): () => Compute {
  let left = times;
  return () => sickCompute(() => left-- > 0);
}

function sickCompute(isSick: () => boolean): Compute {
  const compute = plainCompute();
  const lossAndGradient: Model['lossAndGradient'] = (pixels, pseudoLabels, seed) => {
    const pass = compute.model.lossAndGradient(pixels, pseudoLabels, seed);
    if (seed[2] !== 2 || !isSick()) return pass;
    const gradient = pass.gradient.slice();
    gradient[3] = NaN;
    return { ...pass, gradient };
  };
  return { ...compute, model: { ...compute.model, lossAndGradient } };
}

test('a gradient that is not finite is refused and computed again; twice the same ends the run, with step and worker', async () => {
  const healthy = join(folder.path, 'healthy');
  await runPlain({ data, out: healthy, workers: 2 });
  const out = join(folder.path, 'sick-once');
  await runPlain({ data, out, workers: 2, compute: sickNetworks(1) });
  assert.deepEqual(readLosses(out), readLosses(healthy));
  const failed = readLines(out, 'events.jsonl').filter(({ event }) => event === 'order.failed');
  const refused = failed.filter(({ code }) => code === 'NON_FINITE');
  assert.equal(refused.length, 1);
  assert.match(
    String(refused[0]!['reason']),
    /^worker-\d: .*gradient of step 2, slice \d, at body\.weight\[3\]/,
  );
  const stopped = runPlain({
    data,
    out: join(folder.path, 'sick'),
    workers: 1,
    compute: sickNetworks(9),
  });
  await assert.rejects(stopped, /gradient of step 2, slice 0.*2 times: of worker-0 and worker-0/);
});

test('a coordinator tells where its run is', async () => {
  const asked: Promise<void>[] = [];
  let address = '';
  await runPlain({
    data,
    out: join(folder.path, 'asked'),
    workers: 2,
    onNotice: (notice) => {
      if (notice.type === 'listening') address = notice.address;
      if (notice.type !== 'progress' || notice.phase !== 'train' || asked.length > 0) return;
      const ask = async (): Promise<void> => {
        const status = await fetchStatus(address, AbortSignal.timeout(5000));
        assert.equal(status.phase, 'train');
        assert.equal(status.epochs, 2);
        assert.ok(status.step >= 1);
        assert.deepEqual(status.workers.map(({ workerId }) => workerId).sort(), [
          'worker-0',
          'worker-1',
        ]);
      };
      asked.push(ask());
    },
  });
  assert.equal(asked.length, 1);
  await Promise.all(asked);
  await assert.rejects(fetchStatus(address, AbortSignal.timeout(5000)), { code: 'UNAVAILABLE' });
});
