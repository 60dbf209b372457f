/**
 * The live page of a run: follows it (live-run.ts), serves it (page-server.ts), and passes on what
 * the operator asks for. Nothing of the run depends on it: where it cannot listen, the run goes on.
 */
import { join } from 'node:path';
import { algorithmNamed } from '../../src/algorithms/registry.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { TrainerError, messageOf } from '../../src/errors.ts';
import { assertAddress, hostOf } from '../../src/rpc/channel/address.ts';
import { assertLoopback } from '../../src/rpc/channel/channel.ts';
import type { Credentials } from '../../src/security/credentials.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import type { Clock, RunDisk } from '../outside.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { watchers } from '../record/watchers.ts';
import { isLoopbackHost, type PageRules } from './http/access.ts';
import { LivePage } from './live-page.ts';
import { LiveRun } from './live-run.ts';
import { PAGE_FILE, pageUrl, readPageFile } from './http/page-file.ts';
import { startPageServer, type PageServer } from './http/page-server.ts';

export interface DashboardDeps {
  /**
   * `host:port`; port 0 takes the one that an earlier coordinator of the run had, or any free
   * one.
   */
  readonly dashboard: string;
  readonly runId: string;
  readonly config: RunConfig;
  readonly source: Pick<ImageSource, 'count' | 'read' | 'path' | 'truth'>;
  readonly folder: Pick<RunFolder, 'path' | 'follow' | 'writeSecret'>;
  readonly credentials: Credentials | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly notify: (notice: Notice) => void;
}

/** The page as the coordinator's main knows it. */
export interface Dashboard {
  /** Aborted when the operator stops the run. */
  readonly stopped: AbortSignal;
  /** To be called in the place of the one that it was made with. */
  readonly notify: (notice: Notice) => void;
  /** The same disk, whose terms the page follows too. */
  watched(disk: RunDisk): RunDisk;
  /** Listens, or tries again until it can. */
  open(): Promise<void>;
  close(): Promise<void>;
}

/**
 * @throws TrainerError CONFIG_INVALID for what is no address, and for one beyond this machine where
 *   there are no credentials
 */
export function requirePageAddress(address: string | null, hasCredentials: boolean): void {
  if (address === null) return;
  assertAddress('dashboard', address, '--dashboard');
  assertLoopback(address, hasCredentials, '--dashboard');
}

/** @param deps without an address there is no page */
export function makeDashboard(
  deps: Omit<DashboardDeps, 'dashboard'> & { readonly dashboard: string | null },
): Dashboard {
  const { dashboard } = deps;
  if (dashboard !== null) return new ServedDashboard({ ...deps, dashboard });
  return {
    stopped: new AbortController().signal,
    notify: deps.notify,
    watched: (disk) => disk,
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** Between two looks at the run, and two tries to listen [ms]. */
const LOOK_MS = 1_000;

class ServedDashboard implements Dashboard {
  readonly #deps: DashboardDeps;
  readonly #run: LiveRun;
  readonly #page: LivePage;
  readonly #stop = new AbortController();
  readonly #closed = new AbortController();
  #server: PageServer | null = null;
  #ticker: { stop(): void } | null = null;
  #isTrying = false;
  #hasTold = false;

  constructor(deps: DashboardDeps) {
    const { config, folder, source, clock } = deps;
    this.#deps = deps;
    this.#run = new LiveRun({
      ...{ ...deps, images: source.count, hasClasses: source.truth !== null },
    });
    folder.follow((event) => {
      this.#run.noteEvent(event);
    });
    this.#page = new LivePage({
      ...{ run: this.#run, source, nowMs: clock.nowMs, signal: this.#closed.signal },
      facts: {
        runId: deps.runId,
        title: algorithmNamed(config.algorithm).title,
        architecture: config.model.architecture,
      },
      k: config.clustering.k,
      stop: () => {
        const details = { needsPerson: true };
        this.#stop.abort(new TrainerError('UNAVAILABLE', 'run: stopped on its live page', details));
      },
    });
  }

  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  readonly notify = (notice: Notice): void => {
    this.#run.noteNotice(notice);
    this.#deps.notify(notice);
  };

  watched(disk: RunDisk): RunDisk {
    return { ...disk, watch: (term) => watchers([disk.watch(term), this.#run.watch(term)]) };
  }

  async open(): Promise<void> {
    this.#ticker ??= this.#deps.clock.every(LOOK_MS, () => {
      if (this.#server === null) void this.#listen();
      this.#orWarn(() => {
        this.#page.look();
      });
    });
    await this.#listen();
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('the live page is closed'));
    this.#ticker?.stop();
    this.#page.close(this.#stop.signal.aborted);
    await this.#server?.close();
  }

  async #listen(): Promise<void> {
    if (this.#isTrying) return;
    this.#isTrying = true;
    await this.#tryToListen();
    this.#isTrying = false;
  }

  async #tryToListen(): Promise<void> {
    const { dashboard, folder, credentials, logger, notify } = this.#deps;
    const { token, address: earlier } = readPageFile(folder.path);
    const isLoopback = isLoopbackHost(dashboard);
    const secure = isLoopback ? null : credentials;
    const scheme = secure === null ? 'http' : 'https';
    const rules: PageRules = { token, isLoopback, scheme };
    const server = await this.#start(dashboard, earlier, rules, secure);
    if (server === null) return;
    if (this.#closed.signal.aborted) {
      await server.close();
      return;
    }
    this.#server = server;
    const { address } = server;
    this.#orWarn(() => {
      folder.writeSecret(PAGE_FILE, `${JSON.stringify({ address, token }, null, 2)}\n`);
    });
    const tokenIn = join(folder.path, PAGE_FILE);
    logger.info('dashboard.listening', { address: `${scheme}://${address}/`, tokenIn });
    notify({ type: 'remark', text: `live page ${pageUrl(scheme, address, token)}` });
  }

  /** Null where it has to be tried again. */
  async #start(
    address: string,
    earlier: string | null,
    rules: PageRules,
    credentials: Credentials | null,
  ): Promise<PageServer | null> {
    const onFailure = (reason: string): void => {
      this.#deps.logger.warn('dashboard.failed', { reason });
    };
    const deps = { routes: this.#page.routes, rules, credentials, onFailure };
    const asked = [address];
    // A page that is open finds the next coordinator where the one before was.
    const isAnyPort = address.endsWith(':0');
    if (isAnyPort && earlier !== null && hostOf(earlier) === hostOf(address))
      asked.unshift(earlier);
    let problem = '';
    for (const place of asked) {
      try {
        return await startPageServer(place, deps);
      } catch (error) {
        problem = messageOf(error);
      }
    }
    this.#tell(`cannot listen at ${address}: ${problem}`);
    return null;
  }

  /** Once: it is tried again with each look. */
  #tell(problem: string): void {
    const { logger, notify } = this.#deps;
    const text = `live page: ${problem}; the run goes on without it, and it is tried again`;
    if (this.#hasTold) return;
    this.#hasTold = true;
    logger.warn('dashboard.failed', { reason: text });
    notify({ type: 'remark', text });
  }

  #orWarn(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#deps.logger.warn('dashboard.failed', { reason: messageOf(error) });
    }
  }
}
