/** Runs with credentials, as real processes: the same numbers, and nothing for strangers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { makeImages } from '../../src/data/made/made-images.ts';
import { ACCESS, authorizationOf } from '../../src/security/access.ts';
import { ROLES } from '../../src/security/identity.ts';
import {
  makeTestCredentials,
  readText,
  renewTestCredentials,
  tokenBy,
} from '../support/made/credentials.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import {
  SMALL,
  eventsOf,
  finished,
  launch,
  lossesOf,
  runCommand,
  type Launched,
} from '../support/runs/launched-run.ts';
import {
  listeningPorts,
  opensslHandshake,
  rawCall,
  type Answer,
} from '../support/doubles/port-scan.ts';

const temporary = temporaryFolder();
const data = join(temporary.path, 'images');
const pets = join(temporary.path, 'pets');
const cars = join(temporary.path, 'cars');
const HEALTH = '/grpc.health.v1.Health/Check';
const WIRE_METHODS = [...ACCESS.keys()];

const hasOpenssl = spawnSync('openssl', ['version']).error === undefined;
const isLinux = process.platform === 'linux';
const skipScan = isLinux ? {} : { skip: 'ports of a process are read from /proc' };

before(async () => {
  await makeImages({ out: data, classes: 3, perClass: 16, size: 32, seed: 1 });
  await makeTestCredentials(pets, 'pets');
  await makeTestCredentials(cars, 'cars');
});
after(() => {
  temporary.remove();
});

test('a run with credentials gives the numbers of one without', async () => {
  const plain = join(temporary.path, 'plain');
  const secure = join(temporary.path, 'secure');
  await finished(launch({ data, out: plain }));
  const summary = await finished(launch({ data, out: secure, credentials: pets }));
  assert.deepEqual(lossesOf(secure), lossesOf(plain), 'bit for bit');
  assert.equal(summary.ledger.duplicates, 0);
  const log = readFileSync(join(secure, 'logs', 'coordinator.log'), 'utf8');
  assert.match(log, /"event":"credentials.opened","job":"pets","role":"coordinator"/);
});

/** Processes of one run with all that they print. */
class RunningJob {
  readonly out: string;
  readonly #processes: Launched[] = [];
  readonly #printed: string[] = [];

  constructor(name: string) {
    this.out = join(temporary.path, name);
  }

  start(...args: string[]): Launched {
    const launched = runCommand(args);
    for (const stream of [launched.process.stdout, launched.process.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#printed.push(chunk.toString()));
    }
    this.#processes.push(launched);
    return launched;
  }

  get printed(): string {
    return this.#printed.join('');
  }

  /** The first match in what was printed; polls, since it comes from other processes. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.printed)?.[1];
      if (found !== undefined) return found;
      const dead = this.#processes.find(({ process: { exitCode } }) => exitCode !== null);
      if (dead !== undefined) throw new Error(`a process ended: ${this.printed.slice(-2000)}`);
      await sleep(10);
    }
  }

  async stop(): Promise<void> {
    for (const { process: child } of this.#processes) child.kill('SIGKILL');
    await Promise.all(this.#processes.map(({ ended }) => ended));
  }
}

for (const servers of [0, 2])
  describe(`a running job with ${servers} server processes`, skipScan, () => {
    const job = new RunningJob(`scanned-${servers}`);
    /** The processes that listen. */
    const listeners: Launched[] = [];
    let coordinator: Launched;
    let address = '';
    let wirePorts: number[] = [];
    let healthPort = 0;
    /** All that is secret, before and after the renewal. */
    const secrets = new Set<string>();

    before(async () => {
      noteSecrets(pets, secrets);
      noteSecrets(cars, secrets);
      const settings = Object.entries({
        ...SMALL,
        epochs: 1000,
        'cluster.servers': servers,
      }).flatMap(([key, value]) => ['--set', `${key}=${String(value)}`]);
      coordinator = job.start(
        ...['coordinator', '--data', data, '--out', job.out, ...settings],
        ...['--listen', '127.0.0.1:0', '--health', '0.0.0.0:0', '--credentials', pets],
      );
      address = await job.says(/"coordinator\.listening","address":"([^"]+)"/);
      healthPort = Number(await job.says(/"health\.listening","address":"[^"]+:(\d+)"/));
      listeners.push(coordinator);
      for (let part = 0; part < servers; part += 1) {
        const flags = ['--coordinator', address, '--shard', String(part), '--credentials', pets];
        listeners.push(job.start('server', ...flags));
      }
      startWorker('worker-0');
      await untilStep(1);
      wirePorts = openPorts()
        .map(({ port }) => port)
        .filter((port) => port !== healthPort);
    });
    after(async () => {
      await job.stop();
    });

    const openPorts = () => listeners.flatMap(({ process: { pid } }) => listeningPorts(pid!));

    function startWorker(id: string): void {
      job.start('worker', '--coordinator', address, '--worker-id', id, '--credentials', pets);
    }

    async function untilStep(step: number): Promise<void> {
      const isThere = (): boolean =>
        eventsOf(job.out).some(
          (event) => event.event === 'step.committed' && event['step'] === step,
        );
      while (!isThere()) {
        assert.equal(coordinator.process.exitCode, null, job.printed.slice(-2000));
        await sleep(20);
      }
    }

    const tlsOf = (folder: string, role: string) => ({
      ca: readText(pets, 'ca.pem'),
      cert: readText(folder, `${role}.pem`),
      key: readText(folder, `${role}.key`),
    });

    /** Every method on every wire port, and health too: never a message, never success. */
    async function assertNothingAnswered(
      what: string,
      tls: { ca: string; cert?: string; key?: string } | null,
      authorization: string | null,
      isRefused: (answer: Answer) => boolean,
    ): Promise<void> {
      for (const port of wirePorts) {
        for (const method of [...WIRE_METHODS, HEALTH, '/', '/deepcluster.v1.Coordinator/Stop']) {
          const answer = await rawCall(port, method, tls, authorization);
          const where = `${what}: ${method} on ${port}: ${JSON.stringify(answer)}`;
          assert.equal(answer.bytes, 0, where);
          assert.ok(isRefused(answer), where);
        }
      }
    }
    const isSilent = ({ http, grpcStatus }: Answer): boolean =>
      http === null && grpcStatus === null;
    /** UNAUTHENTICATED or PERMISSION_DENIED; UNIMPLEMENTED for what the port does not have at all. */
    const isTurnedAway = ({ grpcStatus }: Answer): boolean => [16, 7, 12].includes(grpcStatus ?? 0);

    test('listens where it was told to, and beyond loopback on the health port alone', () => {
      const ports = openPorts();
      assert.equal(wirePorts.length, 1 + Math.max(1, servers), 'control and parameters');
      assert.ok(wirePorts.includes(Number(address.split(':')[1])));
      assert.deepEqual(
        ports.filter(({ isLoopback }) => !isLoopback).map(({ port }) => port),
        [healthPort],
      );
    });

    test('answers its own worker by the same client that is turned away below', async () => {
      const token = readText(pets, 'worker.token');
      const [port] = wirePorts.filter((each) => each === Number(address.split(':')[1]));
      const method = '/deepcluster.v1.Coordinator/Heartbeat';
      const answer = await rawCall(port!, method, tlsOf(pets, 'worker'), authorizationOf(token));
      assert.equal(answer.grpcStatus, 0, answer.grpcMessage);
      assert.ok(answer.bytes > 0);
    });

    test('answers nothing in plain text', async () => {
      await assertNothingAnswered('plain', null, null, isSilent);
    });

    test('answers nothing without a certificate', async () => {
      const token = readText(pets, 'worker.token');
      const tls = { ca: readText(pets, 'ca.pem') };
      await assertNothingAnswered('no certificate', tls, authorizationOf(token), isSilent);
    });

    test('answers nothing to a certificate of another job', async () => {
      for (const folder of [cars, pets]) {
        const authorization = authorizationOf(readText(folder, 'worker.token'));
        await assertNothingAnswered('foreign', tlsOf(cars, 'worker'), authorization, isSilent);
      }
    });

    test(
      "openssl's client gets no byte without a certificate of the job",
      hasOpenssl ? {} : { skip: 'there is no openssl on this machine' },
      async () => {
        const file = (folder: string, name: string): string => join(folder, name);
        const [cert, key] = [file(cars, 'worker.pem'), file(cars, 'worker.key')];
        for (const port of wirePorts) {
          for (const args of [[], ['-cert', cert, '-key', key]]) {
            for (const version of ['-tls1_2', '-tls1_3']) {
              const { bytes, said } = await opensslHandshake(port, version, ...args);
              assert.equal(bytes, 0, said);
              assert.match(
                said,
                /alert|unexpected eof|closed|reset|handshake failure|errno/i,
                `${port} ${version}`,
              );
            }
          }
          const own = ['-cert', file(pets, 'worker.pem'), '-key', file(pets, 'worker.key')];
          const { bytes } = await opensslHandshake(port, ...own);
          assert.ok(bytes > 0, 'while its own certificate gets as far as HTTP/2');
        }
      },
    );

    test('answers nothing to the right certificate without a token of its own', async () => {
      const soon = Date.now() + 60_000;
      const tokens: Record<string, string | null> = {
        none: null,
        empty: 'Bearer ',
        'not a bearer': readText(pets, 'worker.token'),
        "another job's": authorizationOf(readText(cars, 'worker.token')),
        'forged claims': authorizationOf(
          tokenBy(cars, { job: 'pets', role: 'worker', expiresMs: soon }),
        ),
        expired: authorizationOf(
          tokenBy(pets, { job: 'pets', role: 'worker', expiresMs: Date.now() - 1 }),
        ),
        "another role's": authorizationOf(readText(pets, 'coordinator.token')),
      };
      for (const [what, authorization] of Object.entries(tokens)) {
        await assertNothingAnswered(what, tlsOf(pets, 'worker'), authorization, isTurnedAway);
      }
    });

    test('lets a viewer read the status, and nothing else', async () => {
      const args = ['status', '--coordinator', address, '--json'];
      const { code, stdout, stderr } = await runCommand([...args, '--credentials', pets]).ended;
      assert.equal(code, 0, stderr);
      assert.equal((JSON.parse(stdout) as { epochs: number }).epochs, 1000);
      assert.notEqual((await runCommand(args).ended).code, 0);
      assert.notEqual((await runCommand([...args, '--credentials', cars]).ended).code, 0);
      const viewer = authorizationOf(readText(pets, 'viewer.token'));
      for (const port of wirePorts) {
        for (const method of WIRE_METHODS.filter((each) => !each.endsWith('/Status'))) {
          const answer = await rawCall(port, method, tlsOf(pets, 'viewer'), viewer);
          assert.ok(isTurnedAway(answer) && answer.bytes === 0, `${method} on ${port}`);
        }
      }
    });

    test('answers health in plain text on its own port, and nothing else there', async () => {
      const health = await rawCall(healthPort, HEALTH, null, null);
      assert.equal(health.grpcStatus, 0);
      assert.equal(health.bytes, 5 + 2, 'one message: SERVING');
      for (const method of [...WIRE_METHODS, '/']) {
        const answer = await rawCall(healthPort, method, null, null);
        assert.equal(answer.grpcStatus, 12, method);
        assert.equal(answer.bytes, 0);
      }
    });

    test('takes renewed certificates without a restart, and new workers with them', async () => {
      const port = Number(address.split(':')[1]);
      const shown = await fingerprintAt(port, tlsOf(pets, 'worker'));
      await renewTestCredentials(pets);
      noteSecrets(pets, secrets);
      for (const each of wirePorts) {
        while ((await fingerprintAt(each, tlsOf(pets, 'worker'))) === shown) await sleep(50);
      }
      assert.equal(coordinator.process.exitCode, null);
      startWorker('worker-1');
      const joined = /"worker\.ready","workerId":"(worker-1)"/;
      assert.equal(await job.says(joined), 'worker-1');
      // The worker that was there before goes on, over connections of before.
      const steps = eventsOf(job.out).filter(({ event }) => event === 'step.committed').length;
      await untilStep(steps + 3);
      assert.ok(!eventsOf(job.out).some(({ event }) => event === 'worker.lost'));
      assert.match(job.printed, /"credentials\.renewed"/);
    });

    test('has counted and logged what it refused, and no secret anywhere', () => {
      const refusals = job.printed.split('\n').filter((line) => line.includes('"call.refused"'));
      for (const component of ['coordinator', 'server']) {
        const own = refusals.filter((line) => line.includes(`"component":"${component}"`));
        assert.ok(own.length > 0, component);
        const totals = own.map((line) => (JSON.parse(line) as { total: number }).total);
        // One counter for each process: a reason that comes again soon is counted and has no line.
        assert.ok(totals.every((total) => total >= 1));
        if (component === 'coordinator') assert.ok(totals.at(-1)! >= own.length);
      }
      const files = readdirSync(job.out, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .flatMap((entry) => textThere(join(entry.parentPath, entry.name)));
      assert.ok(files.length > 3);
      assert.ok(secrets.size > 20);
      for (const text of [job.printed, ...files]) {
        for (const secret of secrets) assert.ok(!text.includes(secret), secret.slice(0, 8));
      }
    });
  });

/**
 * What a file says; nothing of one that the run, which goes on, has put in its place or removed by
 * now.
 */
function textThere(path: string): string[] {
  try {
    return [readFileSync(path, 'latin1')];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Lines of private keys, and both parts of every token. */
function noteSecrets(folder: string, secrets: Set<string>): void {
  for (const role of ROLES) {
    for (const part of readText(folder, `${role}.token`).split('.')) secrets.add(part);
  }
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.key'))) {
    for (const line of readText(folder, name).split('\n').slice(1, -1)) {
      // The first bytes of a key's form are equal in all keys.
      if (line.length >= 32) secrets.add(line.slice(-32));
    }
  }
}

async function fingerprintAt(
  port: number,
  tls: { ca: string; cert: string; key: string },
): Promise<string> {
  const checkServerIdentity = (): undefined => undefined;
  const socket = connect({
    port,
    host: '127.0.0.1',
    ALPNProtocols: ['h2'],
    ...tls,
    checkServerIdentity,
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}
