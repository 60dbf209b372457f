/**
 * Real processes over a network that is slow, breaks in mid-message, takes bytes and loses them, or refuses: between a worker and
 * the coordinator, a server and the coordinator, and a server and all who use it. The run ends with the losses of the
 * undisturbed one, bit for bit.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunSummary } from '../../src/report/summary.ts';
import { committed, disturbedRuns } from '../support/runs/disturbed-runs.ts';
import { FaultProxy } from '../support/doubles/fault-proxy.ts';
import {
  SMALL,
  eventsOf,
  runCommand,
  waitForEvent,
  type Launched,
  type RunEvent,
} from '../support/runs/launched-run.ts';

const EPOCHS = 3;
/** A run that is not over before a silent process is missed. */
const MANY_EPOCHS = 15;
/** The undisturbed one is launched; the others are started by hand, process by process. */
const runs = await disturbedRuns({
  ...{ epochs: EPOCHS, servers: 2 },
  settings: {
    'clustering.iterations': 5,
    'evaluation.enabled': false,
    'cluster.heartbeatTimeoutMs': 1000,
    'cluster.leaseTtlMs': 2000,
  },
});

/** Which line a scenario disturbs. */
type Line = 'worker-coordinator' | 'server-coordinator' | 'all-server';

interface Run {
  readonly out: string;
  readonly coordinator: Launched;
  /** On the line that is disturbed. */
  readonly proxy: FaultProxy;
}

async function freeAddress(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

/** Runs coordinator, two servers and two workers by hand, one line of theirs through a proxy. */
async function disturbed(
  name: string,
  line: Line,
  disturb: (run: Run) => Promise<void>,
  epochs = EPOCHS,
): Promise<void> {
  const out = runs.out(name);
  const settings = {
    ...{ ...SMALL, ...runs.settings, epochs },
    ...{ 'data.source': runs.data, 'cluster.servers': 2 },
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const [coordinatorAt, serverAt] = [await freeAddress(), await freeAddress()];
  const proxy = await FaultProxy.start(() => (line === 'all-server' ? serverAt : coordinatorAt));
  const through = (own: Line): string => (line === own ? proxy.address : coordinatorAt);
  const coordinator = runCommand([
    'coordinator',
    '--listen',
    coordinatorAt,
    '--out',
    out,
    ...flags,
  ]);
  const advertised = line === 'all-server' ? proxy.address : serverAt;
  const others = [
    ['server', '--shard', '0', '--coordinator', coordinatorAt],
    [
      ...['server', '--shard', '1', '--coordinator', through('server-coordinator')],
      ...['--listen', serverAt, '--advertise', advertised],
    ],
    ['worker', '--worker-id', 'worker-0', '--coordinator', through('worker-coordinator')],
    ['worker', '--worker-id', 'worker-1', '--coordinator', coordinatorAt],
  ].map((command) => runCommand(command));
  try {
    await disturb({ out, coordinator, proxy });
    const { code, stderr } = await coordinator.ended;
    assert.equal(code, 0, stderr.slice(-2000));
  } finally {
    for (const { process: child } of [coordinator, ...others]) child.kill('SIGKILL');
    await Promise.all(others.map(({ ended }) => ended));
    await proxy.stop();
  }
  runs.assertSameStart(out);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as RunSummary;
  assert.equal(summary.ledger.committed, epochs * runs.images, 'every draw exactly once');
}

async function afterStep(step: number, { out, coordinator }: Omit<Run, 'proxy'>): Promise<void> {
  await waitForEvent(out, committed(step), coordinator);
}

function isWorker0({ event, workerId }: RunEvent): boolean {
  return event === 'worker.joined' && workerId === 'worker-0';
}

/** Lines, between whom they are, and the event by which one that has fallen silent is missed; null: calls time out first. */
const LINES: readonly (readonly [Line, string, string | null])[] = [
  ['worker-coordinator', 'a worker and the coordinator', 'worker.lost'],
  ['server-coordinator', 'a server and the coordinator', 'server.lost'],
  ['all-server', 'a server and all who use it', null],
];

for (const [line, between, missed] of LINES) {
  describe(`between ${between}`, () => {
    test('a slow line: late in both directions, and narrow', async () => {
      await disturbed(`slow-${line}`, line, async ({ proxy }) => {
        Object.assign(proxy.up, { delayMs: 20, bytesPerSecond: 2_000_000 });
        Object.assign(proxy.down, { delayMs: 20, bytesPerSecond: 2_000_000 });
        return Promise.resolve();
      });
    });

    test('connections that break in the midst of a message, each way', async () => {
      let cuts = 0;
      await disturbed(`cut-${line}`, line, async (run) => {
        for (const [step, direction] of [
          [3, run.proxy.up],
          [6, run.proxy.down],
          [10, run.proxy.up],
        ] as const) {
          await afterStep(step, run);
          const before = run.proxy.cuts;
          direction.cutAfterBytes = 5;
          // The next heartbeat is cut at the latest; towards a server that only listens there may be none.
          for (let waits = 0; waits < 150 && run.proxy.cuts === before; waits += 1) {
            await sleep(10);
          }
          direction.cutAfterBytes = null;
        }
        ({ cuts } = run.proxy);
      });
      assert.ok(cuts >= 1, 'something was cut');
    });

    test('a half-open line, for longer than anyone is waited for; then it is gone', async () => {
      const disturb = async ({ out, coordinator, proxy }: Run): Promise<void> => {
        await afterStep(7, { out, coordinator });
        // One that has not come yet cannot be missed: on a busy machine another may begin the run alone.
        await waitForEvent(out, isWorker0, coordinator);
        proxy.up.swallows = proxy.down.swallows = true;
        if (missed === null) await sleep(2_500);
        else await waitForEvent(out, ({ event }) => event === missed, coordinator);
        proxy.heal();
      };
      await disturbed(`half-open-${line}`, line, disturb, missed === null ? EPOCHS : MANY_EPOCHS);
    });

    test('a line that breaks, and refuses for a while', async () => {
      await disturbed(`refused-${line}`, line, async (run) => {
        await afterStep(9, run);
        run.proxy.refuses = true;
        run.proxy.breakAll();
        await sleep(1_500);
        run.proxy.heal();
      });
    });
  });
}

test('a worker whose connections are forgotten on their way is missed, finds out, and is back', async () => {
  const disturb = async ({ out, coordinator, proxy }: Run): Promise<void> => {
    await afterStep(7, { out, coordinator });
    proxy.forgetConnections();
    const isOf = (name: string) => (event: RunEvent) =>
      event.event === name && event['workerId'] === 'worker-0';
    await waitForEvent(out, isOf('worker.lost'), coordinator);
    const joined = (): boolean => eventsOf(out).filter(isOf('worker.joined')).length === 2;
    await waitForEvent(out, joined, coordinator);
  };
  await disturbed('forgotten', 'worker-coordinator', disturb, 20 * EPOCHS);
});
