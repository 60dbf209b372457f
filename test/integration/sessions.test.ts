import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { fetchStatus } from '../../src/rpc/status-client.ts';
import { PROTOCOL_VERSION, wire } from '../../src/rpc/definitions.ts';
import type { CoordinatorMessage__Output } from '../../src/rpc/generated/deepcluster/v1/CoordinatorMessage.ts';
import type { Ready } from '../../src/rpc/generated/deepcluster/v1/Ready.ts';
import type { Model } from '../../src/nn/model.ts';
import type { Compute } from '../../worker/session.ts';
import {
  makeNoiseImages,
  placeForRuns,
  plainCompute,
  readLines,
  readLosses,
  runPlain,
} from '../support/runs/in-process-run.ts';
import { PLAIN_LAYOUT } from '../support/made/layouts.ts';

const { folder, data, out } = await placeForRuns(30);

interface Visitor {
  readonly protocolVersion?: number;
  readonly ready?: Partial<Ready>;
}

interface Refusal {
  readonly reason: string;
  readonly exitCode: number;
}

/** Says hello (and ready) to a coordinator as a worker would, and answers with the refusal, if any. */
function visit(
  address: string,
  { protocolVersion = PROTOCOL_VERSION, ready }: Visitor,
): Promise<Refusal | null> {
  const client = new wire.Coordinator(address, grpc.credentials.createInsecure());
  const call = client.session();
  return new Promise((resolve) => {
    const leave = (answer: Refusal | null): void => {
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
      if (message.wait) leave(null);
      if (message.welcome) call.write({ ready: ready ?? {} });
    });
    call.write({ hello: { protocolVersion, workerId: 'visitor', incarnation: 'i', pid: 1 } });
  });
}

test('workers that do not fit are refused with one line and exit code 42, and the run goes on', async () => {
  const visits: Promise<unknown>[] = [];
  const layoutJson = JSON.stringify(PLAIN_LAYOUT);
  let address = '';
  const summary = await runPlain({
    data,
    out: out('visited'),
    workers: 1,
    onNotice: (notice) => {
      if (notice.type === 'listening') address = notice.address;
      // From here on it has work to give: before, it would ask visitors to wait.
      if (notice.type !== 'progress' || visits.length > 0) return;
      visits.push(
        visit(address, { protocolVersion: 99 }).then((refused) => {
          assert.equal(refused?.exitCode, 42);
          assert.match(
            refused.reason,
            /protocol version: expected \d+, got 99; run the same release/,
          );
        }),
        visit(address, { ready: { dataDigest: 'other', imageCount: 7, layoutJson } }).then(
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
  const damaged = join(folder, 'damaged');
  await makeNoiseImages(damaged, 30);
  writeFileSync(join(damaged, 'dark', 'not-an-image.jpg'), 'this is text');
  const run = out('skipped');
  const summary = await runPlain({ data: damaged, out: run, workers: 2 });
  assert.equal(summary.images, 31);
  assert.equal(summary.unreadable, 1);
  assert.equal(summary.ledger.committed, 2 * 30, 'the unreadable image is never drawn');
  const strict = runPlain({
    data: damaged,
    out: out('strict'),
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
  const run = out('constant');
  await assert.rejects(
    runPlain({ data, out: run, workers: 1, compute: collapsed }),
    /the same feature for all of them/,
  );
  assert.ok(readLines(run, 'events.jsonl').some(({ event }) => event === 'run.stopped'));
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
  const healthy = out('healthy');
  await runPlain({ data, out: healthy, workers: 2 });
  const run = out('sick-once');
  await runPlain({ data, out: run, workers: 2, compute: sickNetworks(1) });
  assert.deepEqual(readLosses(run), readLosses(healthy));
  const failed = readLines(run, 'events.jsonl').filter(({ event }) => event === 'order.failed');
  const refused = failed.filter(({ code }) => code === 'NON_FINITE');
  assert.equal(refused.length, 1);
  assert.match(
    String(refused[0]!['reason']),
    /^worker-\d: .*gradient of step 2, slice \d, at body\.weight\[3\]/,
  );
  const stopped = runPlain({
    data,
    out: out('sick'),
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
    out: out('asked'),
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
