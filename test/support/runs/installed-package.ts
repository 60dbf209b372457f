/**
 * The package as a consumer gets it: packed from this checkout, installed from its tarball in an
 * empty folder, by a given npm, as a given user, on a machine that has Node and a shell and nothing
 * else: neither compiler nor Python nor a home, unless a test gives them.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../src/process/package-root.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** How a consumer installs. */
export interface Consumer {
  /** Release line of npm, which the registry provides: `10`, `11`. */
  readonly npm: string;
  /** Another user than that of the test, by number, who has no home. */
  readonly user?: number;
  /** The name of the folder. */
  readonly folder: string;
  /** Whether HOME is set, to an empty folder. */
  readonly hasHome: boolean;
}

/** An install script of a dependency: which package, and what it runs. */
export interface InstallScript {
  readonly name: string;
  readonly script: string;
}

interface LockedPackage {
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
}

/** A folder for tarball, tools and consumers; all users may read it. Remove it at the end. */
export class PackageLab {
  readonly path = mkdtempSync(join(tmpdir(), 'package-'));
  readonly bin = join(this.path, 'bin');
  #registry = '';

  constructor() {
    chmodSync(this.path, 0o755);
    mkdirSync(this.bin);
    symlinkSync(process.execPath, join(this.bin, 'node'));
    symlinkSync('/bin/sh', join(this.bin, 'sh'));
  }

  get registry(): string {
    return this.#registry;
  }

  /** Packs the checkout. @returns the tarball */
  async pack(): Promise<string> {
    this.#registry = (await run('npm', ['config', 'get', 'registry'])).stdout.trim();
    const flags = ['pack', '--silent', '--pack-destination', this.path];
    const packed = await run('npm', flags, { cwd: packageRoot() });
    if (packed.code !== 0) throw new Error(`npm pack failed: ${packed.stderr}`);
    return join(this.path, packed.stdout.trim().split('\n').at(-1)!);
  }

  /** Gets a release line of npm from the registry. @returns its folder */
  async npm(version: string): Promise<string> {
    const prefix = join(this.path, `npm-${version}`);
    const flags = ['install', '--prefix', prefix, '--no-audit', '--no-fund', '--ignore-scripts'];
    const got = await run('npm', [...flags, '--loglevel=error', `npm@${version}`]);
    if (got.code !== 0) throw new Error(registryFailure(`npm@${version}`, got));
    return join(prefix, 'node_modules', 'npm');
  }

  async install(tarball: string, consumer: Consumer): Promise<Installation> {
    const npm = await this.npm(consumer.npm);
    const place = mkdtempSync(join(this.path, 'consumer-'));
    const folder = join(place, consumer.folder);
    const home = join(place, 'home');
    for (const path of [folder, home, join(place, 'tmp')]) mkdirSync(path);
    if (consumer.user !== undefined) {
      for (const path of [place, folder, home, join(place, 'tmp')]) {
        chownSync(path, consumer.user, consumer.user);
      }
    }
    const env = {
      PATH: this.bin,
      TMPDIR: join(place, 'tmp'),
      npm_config_cache: join(place, 'cache'),
      npm_config_registry: this.#registry,
      ...(consumer.hasHome ? { HOME: home } : {}),
      ...certificatesOf(process.env),
    };
    const installation = new Installation(npm, folder, env, consumer.user);
    const done = await installation.npm(['install', '--no-audit', '--no-fund', tarball]);
    if (done.code !== 0) throw new Error(registryFailure('the package', done));
    return installation;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export class Installation {
  readonly folder: string;
  /** When npm began to install the package, as performance.now() has it. */
  readonly beganMs = performance.now();
  readonly #npm: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #user: number | undefined;

  constructor(
    npm: string,
    folder: string,
    env: Readonly<Record<string, string>>,
    user: number | undefined,
  ) {
    this.folder = folder;
    this.#npm = npm;
    this.#env = env;
    this.#user = user;
  }

  /** The same installation as another user meets it, or with other variables in the environment. */
  as(user: number | undefined, env: Readonly<Record<string, string>> = {}): Installation {
    return new Installation(this.#npm, this.folder, { ...this.#env, ...env }, user);
  }

  npm(args: readonly string[]): Promise<Ended> {
    return this.#run([join(this.#npm, 'bin', 'npm-cli.js'), ...args]);
  }

  /** `npx deepcluster …` in the consumer's folder. */
  deepcluster(args: readonly string[]): Promise<Ended> {
    return this.#run([join(this.#npm, 'bin', 'npx-cli.js'), '--no', 'deepcluster', ...args]);
  }

  /** Node with these arguments, in the consumer's folder. */
  node(args: readonly string[]): Promise<Ended> {
    return this.#run(args);
  }

  /** Every package that was installed, by its path, as npm notes it down. */
  packages(): ReadonlyMap<string, LockedPackage> {
    const file = join(this.folder, 'node_modules', '.package-lock.json');
    const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
      packages: Record<string, LockedPackage>;
    };
    return new Map(Object.entries(packages));
  }

  /** Those that have npm run something at an installation. */
  installScripts(): InstallScript[] {
    const names = ['preinstall', 'install', 'postinstall'] as const;
    return [...this.packages()]
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => {
        const manifest = JSON.parse(
          readFileSync(join(this.folder, path, 'package.json'), 'utf8'),
        ) as { name: string; scripts?: Record<string, string> };
        const { name, scripts = {} } = manifest;
        return { name, script: names.flatMap((hook) => scripts[hook] ?? []).join('; ') };
      });
  }

  #run(args: readonly string[]): Promise<Ended> {
    return run(process.execPath, args, { cwd: this.folder, env: this.#env, user: this.#user });
  }
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: number | undefined;
}

/** Runs a program to its end. */
async function run(
  program: string,
  args: readonly string[],
  { cwd = tmpdir(), env, user }: RunOptions = {},
): Promise<Ended> {
  const start = performance.now();
  const child = spawn(program, args, {
    cwd,
    env: env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  const written = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (written.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (written.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, ...written, seconds: (performance.now() - start) / 1000 });
    });
  });
}

/** Authorities that this machine trusts for its registry. */
function certificatesOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const file = env['NODE_EXTRA_CA_CERTS'];
  return file === undefined ? {} : { NODE_EXTRA_CA_CERTS: file };
}

function registryFailure(what: string, { code, stderr }: Ended): string {
  return `${what} could not be installed from the package registry, which this test needs (npm ended with ${code}):\n${stderr}`;
}
