/** `deepcluster status`: where a run is, out of its folder and asked of its coordinator. */
import type { Command } from 'commander';
import { TrainerError, messageOf } from '../../errors.ts';
import { pause } from '../../process/pause.ts';
import { readCoordinatorPlace } from '../../run/coordinator-file.ts';
import { RUNS, newestRunFolder } from '../../run/folder.ts';
import { FolderStatus } from '../../run/status/folder-status.ts';
import { isOver, type RunStatus } from '../../run/status/run-status.ts';
import { statusOfReply, withReply } from '../../run/status/coordinator-status.ts';
import type { Credentials } from '../../security/credentials.ts';
import { credentialsOf, credentialsOption } from '../credentials.ts';
import { LiveLines } from '../shown/live-lines.ts';
import { statusLine, statusLines, turnOf } from '../shown/status-lines.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface StatusOptions {
  readonly coordinator?: string;
  readonly out?: string;
  readonly credentials?: string;
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** Between two looks with --watch [ms]. */
const LOOK_MS = 1_000;
/** A launcher starts a coordinator that died again within this time; then its run is over [ms]. */
const RESTART_MS = 35_000;

export function addStatusCommand(program: Command, terminal: Terminal): void {
  program
    .command('status')
    .description('show where a run is, running or not; the newest one in runs/ by default')
    .option('--out <dir>', 'folder of the run')
    .option('--coordinator <host:port>', 'ask a coordinator, where its folder is not at hand')
    .addOption(credentialsOption())
    .option('--watch', 'show it again each second, until the run ends')
    .option('--json', 'print one JSON object; with --watch one a line, for each change')
    .action(async (options: StatusOptions, command: Command) => {
      if (options.out !== undefined && options.coordinator !== undefined) {
        command.error("options '--out' and '--coordinator' name two runs: leave one of them out");
      }
      const look = lookerOf(options);
      if (options.watch === true) await watch(look, options, terminal);
      else show(await look(), options, terminal);
    });
}

/** One look at the run. */
type Look = () => Promise<RunStatus>;

function lookerOf({ coordinator, out, credentials: folder }: StatusOptions): Look {
  const credentials = credentialsOf(folder, 'viewer');
  if (coordinator !== undefined) {
    return async () => statusOfReply(coordinator, await askByName(coordinator, credentials));
  }
  const run = new FolderStatus(out ?? newestFolder(), Date.now);
  return () => lookAt(run, credentials);
}

/**
 * The coordinator of a run that goes on knows some things better; without it the folder has to do.
 */
async function lookAt(run: FolderStatus, credentials: Credentials | null): Promise<RunStatus> {
  const status = run.read();
  const place = readCoordinatorPlace(run.folder);
  // While images are listed, the place is that of an earlier coordinator.
  const isUp = !isOver(status) && status.state !== 'listing';
  if (!isUp || place === null || place.isSecure !== (credentials !== null)) return status;
  try {
    return withReply(status, place.address, await ask(place.address, credentials));
  } catch (error) {
    // It may have ended in the meantime; between two terms it says so itself.
    const later = run.read();
    return isOver(later) || later.reason !== '' ? later : { ...later, reason: silenceOf(error) };
  }
}

function silenceOf(error: unknown): string {
  const message = messageOf(error);
  return message.includes('no connection') ? 'its coordinator does not answer now' : message;
}

/** @throws TrainerError CONFIG_INVALID where there is none */
function newestFolder(): string {
  const folder = newestRunFolder();
  if (folder !== null) return folder;
  const remedy = 'name a run with --out DIR, or its coordinator with --coordinator HOST:PORT';
  throw new TrainerError('CONFIG_INVALID', `status: no run lies in ${RUNS}/ here; ${remedy}`);
}

/** @throws TrainerError with what else can be done */
async function askByName(address: string, credentials: Credentials | null) {
  try {
    return await ask(address, credentials);
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    const remedy = 'where its folder is at hand: deepcluster status --out DIR';
    throw new TrainerError(error.code, `${error.message}; ${remedy}`, error.details, {
      cause: error,
    });
  }
}

async function ask(address: string, credentials: Credentials | null) {
  const { fetchStatus } = await import('../../rpc/status-client.ts');
  return fetchStatus(address, new AbortController().signal, credentials);
}

function show(status: RunStatus, { json }: StatusOptions, terminal: Terminal): void {
  if (json === true) printJson(terminal, status);
  else printLines(terminal, statusLines(status, Date.now()));
}

/**
 * Until the run is over.
 * @throws TrainerError UNAVAILABLE once a coordinator does not answer any more
 */
async function watch(look: Look, { json }: StatusOptions, terminal: Terminal): Promise<void> {
  const live = json === true ? null : LiveLines.on(terminal.stdout);
  const { signal } = new AbortController();
  let told = '';
  let interruptedMs = 0;
  for (;;) {
    const status = await look();
    if (live !== null) live.draw(statusLines(status, Date.now()));
    else if (turnOf(status) !== told) {
      if (json === true) printJson(terminal, status);
      else printLines(terminal, [statusLine(status)]);
    }
    told = turnOf(status);
    interruptedMs = status.state === 'interrupted' ? interruptedMs + LOOK_MS : 0;
    const mayComeBack = status.state === 'interrupted' && interruptedMs < RESTART_MS;
    if (isOver(status) && !mayComeBack) return;
    await pause(LOOK_MS, signal);
  }
}
