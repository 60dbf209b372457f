/**
 * Every remedy that a message names has been tried. The table has a row for each such message in
 * the source: the situation is brought about, the remedy is taken out of the text that was printed,
 * and it helps; or it names the test that does so, or why none can. A message that is new, and
 * names a command, a flag or a setting, fails the last test until it has a row.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { OdcConfig } from '../../src/algorithms/odc/config.ts';
import { requireRoomForClusters } from '../../src/algorithms/odc/room-for-clusters.ts';
import { refuseServers } from '../../coordinator/fleet/server-fleet.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { configFileOf, makeRunFolder, requireRunFolder } from '../../src/run/folder.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { runConfigSchema, type RunConfig } from '../../src/config/schema.ts';
import { messageOf } from '../../src/errors.ts';
import { requireOpenFiles } from '../../src/launch/open-files.ts';
import { startServer } from '../../src/rpc/channel/channel.ts';
import { connectionProblem } from '../../src/rpc/channel/dial-problem.ts';
import { TermFolder } from '../../src/run/lock/term-folder.ts';
import { openCredentials } from '../../src/security/credentials.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { NO_REMEDIES, OTHERS, isMessage } from '../support/runs/other-remedies.ts';
import { tokenBy } from '../support/made/credentials.ts';
import {
  makeNoiseImages,
  plainCompute,
  runPlain,
  temporaryFolder,
} from '../support/runs/in-process-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');
const held = join(folder.path, 'held');
const certs = join(folder.path, 'certs');

before(async () => {
  await makeNoiseImages(data, 24);
  mkdirSync(held);
  writeFileSync(configFileOf(held), '{}');
});
after(() => {
  folder.remove();
});

function at(name: string): string {
  return join(folder.path, name);
}

/** What a failing piece of work says. */
async function failure(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return messageOf(error);
  }
  assert.fail('nothing failed');
}

/** What a command says that ends with `code`. */
async function saysAndEnds(args: readonly string[], code: number): Promise<string> {
  const ran = await ranCli(args);
  assert.equal(ran.code, code, ran.stderr);
  return ran.stderr;
}

/** The words of the first command in a message that `begin` begins, its place-holders filled in. */
function commandIn(
  message: string,
  begin: string,
  values: Readonly<Record<string, string>> = {},
): string[] {
  const from = message.indexOf(begin);
  assert.ok(from >= 0, message);
  const [command = ''] = message.slice(from).split(/[),;]/, 1);
  return command
    .split(' ')
    .slice(1)
    .map((word) => values[word] ?? word);
}

/** What we say where gRPC says this; test/integration/dial-failures.test.ts has gRPC say it. */
function unconnected(reason: string): string {
  const dial = { address: 'peer:7070', isSecure: true, proxy: null };
  const details = `No connection established. Last error: ${reason}. Resolution note: `;
  return connectionProblem(details, dial, null) ?? assert.fail('no words for it');
}

/** Makes credentials by the command in a message, and opens them. */
async function remake(message: string, out: string = certs): Promise<void> {
  const values = { DIR: out, NAME: 'pets', NAMES: 'peer' };
  await saysAndEnds(commandIn(message, 'deepcluster certs make', values), 0);
  openCredentials(out, 'viewer').close();
}

function odcConfig(settings: Partial<OdcConfig>): RunConfig {
  return runConfigSchema().parse({
    algorithm: 'odc',
    model: { neck: 'odc' },
    clustering: { k: 10 },
    odc: settings,
  });
}

interface TriedRow {
  /** Part of the message as the source has it. */
  readonly source: string;
  /** Other parts that stand on lines of their own. */
  readonly also?: readonly string[];
  /** Brings the situation about. */
  readonly situation: () => Promise<string>;
  /** Takes the remedy out of the message, applies it, and finds that it helps. */
  readonly apply: (message: string) => Promise<void> | void;
}

const TRIED: readonly TriedRow[] = [
  {
    source: 'add --resume to go on with it, or name another folder with --out',
    situation: () => failure(() => requireRunFolder(held, false)),
    apply: (message) => {
      assert.match(message, /add --resume .* another folder with --out/);
      requireRunFolder(held, true);
      requireRunFolder(at('another'), false);
    },
  },
  {
    source: 'holds no run to resume; leave --resume out to begin one',
    situation: () => failure(() => requireRunFolder(at('none'), true)),
    apply: (message) => {
      assert.match(message, /leave --resume out/);
      requireRunFolder(at('none'), false);
    },
  },
  {
    source: "option '--resume' needs '--out <dir>', the folder of the run",
    situation: () => saysAndEnds(['launch', '--resume'], 2),
    apply: async (message) => {
      const flag = /'(--out) <dir>'/.exec(message)![1]!;
      // The folder is looked at now.
      const next = await saysAndEnds(['launch', '--resume', flag, at('none')], 42);
      assert.match(next, /holds no run to resume/);
    },
  },
  {
    source: 'must name the images (give --data)',
    situation: () => saysAndEnds(['launch', '--out', at('no-data')], 42),
    apply: async (message) => {
      const flag = /\(give (--data)\)/.exec(message)![1]!;
      const next = await saysAndEnds(['data', 'index', flag, data], 0);
      assert.equal(next, '');
      const settings = [{ key: 'data.source', value: data, origin: flag }];
      assert.equal(loadRunConfig({ env: {}, settings }).config.data.source, data);
    },
  },
  {
    source: 'must name a folder or a list of images (--data)',
    situation: () =>
      failure(() =>
        runPlain({ data, out: at('nameless'), workers: 0, settings: { 'data.source': 'null' } }),
      ),
    apply: async (message) => {
      assert.match(message, /^config data\.source/);
      const run = { data, out: at('named'), workers: 1, settings: { epochs: 1 } };
      assert.equal((await runPlain(run)).images, 24);
    },
  },
  {
    source: 'make them with: deepcluster certs make --out DIR --job NAME',
    situation: () => failure(() => openCredentials(certs, 'viewer')),
    apply: async (message) => {
      const make = commandIn(message, 'deepcluster certs make', { DIR: certs, NAME: 'pets' });
      await saysAndEnds(make, 0);
      openCredentials(certs, 'viewer').close();
    },
  },
  {
    source: 'must be closed to other users (chmod 600)',
    situation: () => {
      chmodSync(join(certs, 'viewer.key'), 0o644);
      return failure(() => openCredentials(certs, 'viewer'));
    },
    apply: (message) => {
      const [, file, mode] = /credentials (\S+): .*\(chmod (\d+)\)/.exec(message)!;
      chmodSync(file!, Number.parseInt(mode!, 8));
      openCredentials(certs, 'viewer').close();
    },
  },
  {
    source: 'must not have expired (make new ones: deepcluster certs make --out DIR --renew)',
    situation: () => {
      const token = tokenBy(certs, { job: 'pets', role: 'viewer', expiresMs: Date.now() - 1 });
      writeFileSync(join(certs, 'viewer.token'), token);
      return failure(() => openCredentials(certs, 'viewer'));
    },
    apply: async (message) => {
      await saysAndEnds(commandIn(message, 'deepcluster certs make', { DIR: certs }), 0);
      openCredentials(certs, 'viewer').close();
    },
  },
  {
    source: 'add --renew to make new certificates and tokens from it',
    situation: () => saysAndEnds(['certs', 'make', '--out', certs, '--job', 'pets'], 42),
    apply: async (message) => {
      const flag = /add (--renew)/.exec(message)![1]!;
      await saysAndEnds(['certs', 'make', '--out', certs, '--job', 'pets', flag], 0);
    },
  },
  {
    source:
      'must be a loopback address without credentials (make them with: deepcluster certs make --out DIR --job NAME, and give --credentials DIR)',
    situation: () => failure(() => startServer('0.0.0.0:0', () => undefined)),
    apply: async (message) => {
      const beyond = at('beyond');
      await saysAndEnds(
        commandIn(message, 'deepcluster certs make', { DIR: beyond, NAME: 'pets' }),
        0,
      );
      assert.match(message, /give --credentials DIR/);
      const credentials = openCredentials(beyond, 'coordinator');
      await (await startServer('0.0.0.0:0', () => undefined, { credentials })).stop(0);
      credentials.close();
    },
  },
  {
    source: 'the port is in use; choose another port, or 0 for any free one',
    situation: async () => {
      const holder = createServer();
      await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
      const { port } = holder.address() as { port: number };
      return failure(() => startServer(`127.0.0.1:${port}`, () => undefined)).finally(() => {
        holder.close();
      });
    },
    apply: async (message) => {
      const port = /or (0) for any free one/.exec(message)![1]!;
      await (await startServer(`127.0.0.1:${port}`, () => undefined)).stop(0);
    },
  },
  {
    source: 'a whole number was expected, got ${term}; remove it',
    situation: () => {
      mkdirSync(at('terms'));
      writeFileSync(join(at('terms'), 'term'), 'nonsense');
      return failure(() => new TermFolder(at('terms'), Date.now).newest());
    },
    apply: (message) => {
      const name = /checkpoint (\w+): .*remove it/.exec(message)![1]!;
      rmSync(join(at('terms'), name));
      assert.equal(new TermFolder(at('terms'), Date.now).newest(), 0);
    },
  },
  {
    source: 'per cluster (clustering.k ${k})',
    situation: () =>
      failure(() => requireRoomForClusters(odcConfig({ smallClusterSize: 20 }), 24, NO_LOG)),
    apply: (message) => {
      const most = Number(/odc\.smallClusterSize: must be at most (\d+)/.exec(message)![1]);
      requireRoomForClusters(odcConfig({ smallClusterSize: most }), 24, NO_LOG);
    },
  },
  {
    source: 'clusters may be merged and split all the time: lower one of them',
    situation: () => warningOf(odcConfig({ smallClusterSize: 8 }), 100),
    apply: async (message) => {
      const [, one, other] = /(\S+) times (\S+) is .* lower one of them/.exec(message)!;
      assert.deepEqual([one, other], ['clustering.k', 'odc.smallClusterSize']);
      const fewer = { ...odcConfig({ smallClusterSize: 8 }) };
      fewer.clustering = { ...fewer.clustering, k: 3 };
      assert.equal(await warningOf(fewer, 100), '');
      assert.equal(await warningOf(odcConfig({ smallClusterSize: 2 }), 100), '');
    },
  },
  {
    source: 'no step has been taken yet: check the images',
    also: [
      'deepcluster data verify --data ${shellWord(',
      'deepcluster doctor --engine ${cluster.engine}',
    ],
    situation: () => {
      const compute = plainCompute({ features: (n) => new Float32Array(n * 10).fill(NaN) });
      const run = { data, out: at('sick'), workers: 1, compute: () => compute };
      return failure(() => runPlain({ ...run, settings: { 'cluster.engine': 'wasm' } }));
    },
    apply: async (message) => {
      await saysAndEnds(commandIn(message, 'deepcluster data verify'), 0);
      await saysAndEnds(commandIn(message, 'deepcluster doctor'), 0);
      // It would find a damaged one.
      const damaged = join(data, 'dark', 'damaged.png');
      writeFileSync(damaged, 'no image');
      const ran = await ranCli(commandIn(message, 'deepcluster data verify'));
      rmSync(damaged);
      assert.match(ran.stdout + ran.stderr, /damaged\.png/);
    },
  },
  {
    source: 'start fewer (--workers), or start it where ulimit -Hn says ${needed} or more',
    situation: () =>
      failure(() => {
        requireOpenFiles(100, 10);
      }),
    apply: (message) => {
      const needed = Number(/ulimit -Hn says (\d+) or more/.exec(message)![1]);
      requireOpenFiles(needed, 10);
      assert.match(message, /start fewer \(--workers\)/);
      requireOpenFiles(100, 4);
    },
  },
  {
    source: 'name a folder that you may write to with --out',
    situation: () => failure(() => makeRunFolder(join(configFileOf(held), 'run'))),
    apply: (message) => {
      assert.match(message, /^run folder .*with --out$/);
      makeRunFolder(at('writable'));
    },
  },
  {
    source: 'renew it with: deepcluster certs make --out DIR --renew',
    situation: () => Promise.resolve(unconnected('Error: certificate has expired')),
    apply: (message) => remake(message),
  },
  {
    source: 'start both sides with credentials of one: deepcluster certs make --out DIR --job NAME',
    situation: () =>
      Promise.resolve(unconnected('Error: self-signed certificate in certificate chain')),
    apply: (message) => remake(message, at('both-sides')),
  },
  {
    source: 'make it with: deepcluster certs make --out DIR --renew --hosts NAMES',
    situation: () => Promise.resolve(unconnected('Error: Hostname/IP does not match: x')),
    apply: (message) => remake(message),
  },
  {
    source: 'give the run its number of servers with --servers (cluster.servers)',
    situation: () => failure(() => refuseServers()),
    apply: (message) => {
      const key = /--servers \((\S+)\)/.exec(message)![1]!;
      const settings = [{ key, value: '2', origin: '--servers' }];
      assert.equal(loadRunConfig({ env: {}, settings }).config.cluster.servers, 2);
    },
  },
];

const NO_LOG = { warn: () => undefined };

function warningOf(config: RunConfig, images: number): Promise<string> {
  let told = '';
  const logger = {
    warn: (_event: string, { reason = '' }: { reason?: string }) => {
      told = reason;
    },
  };
  requireRoomForClusters(config, images, logger);
  return Promise.resolve(told);
}

for (const { source, situation, apply } of TRIED) {
  test(`helps: ${source}`, async () => {
    await apply(await situation());
  });
}

for (const { source, triedIn, untried } of OTHERS) {
  const how = untried === undefined ? 'another test tries it' : untried;
  test(`${how}: ${source}`, () => {
    if (triedIn === undefined) return;
    const [file, title] = triedIn;
    const text = readFileSync(join(packageRoot(), file), 'utf8');
    assert.ok(text.includes(title), `${file} has no test "${title}"`);
  });
}

test('every message of the source that names a remedy has its row', () => {
  const tried = TRIED.flatMap(({ source, also = [] }) => [source, ...also]);
  const rows = [...tried, ...OTHERS.map(({ source }) => source), ...NO_REMEDIES];
  const missing: string[] = [];
  const seen = new Set<string>();
  for (const top of ['src', 'coordinator', 'server', 'worker', 'bench']) {
    for (const name of readdirSync(join(packageRoot(), top), { recursive: true }) as string[]) {
      if (!name.endsWith('.ts') || name.includes('generated')) continue;
      const text = readFileSync(join(packageRoot(), top, name), 'utf8');
      for (const row of rows) if (text.includes(row)) seen.add(row);
      text.split('\n').forEach((line, i) => {
        if (isMessage(line) && !rows.some((row) => line.includes(row))) {
          missing.push(`${top}/${name}:${i + 1}: ${line.trim()}`);
        }
      });
    }
  }
  assert.deepEqual(missing, []);
  assert.deepEqual(
    rows.filter((row) => !seen.has(row)),
    [],
    'rows of messages that are gone',
  );
});
