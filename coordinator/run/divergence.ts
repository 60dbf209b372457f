/**
 * What to do when a run has diverged: its numbers are not finite any more, or all features have
 * become equal. Going on with the same parameters gives the same again whatever the learning rate,
 * so the checkpoint of that step, and those whose parameters have grown out of all bounds before
 * it, are set aside; the message names the command that goes on from the one before.
 */
import { setAsideUnsound, type Checkpoint } from '../../src/checkpoint/checkpoint.ts';
import { resumeCommand, shellWord } from '../../src/messages/command-line.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import { TrainerError } from '../../src/errors.ts';
import { initialParameters } from '../../src/ps/initial-values.ts';
import type { ParameterLayout } from '../../src/ps/layout.ts';
import { vectorOf } from '../../src/rpc/named-vectors.ts';
import type { Credentials } from '../../src/security/credentials.ts';
import { loweredRates } from './lowered-rates.ts';
import { fromCheckpoint } from '../../src/run/checkpoint-content.ts';
import type { RunFolder } from '../record/run-folder.ts';

export interface DivergenceDeps {
  readonly runId: string;
  readonly config: RunConfig;
  readonly layout: ParameterLayout;
  readonly credentials: Pick<Credentials, 'folder'> | null;
  readonly folder: Pick<RunFolder, 'path' | 'checkpoints' | 'staging' | 'event' | 'isHeld'>;
}

/**
 * Parameters whose norm is this many times that of the initial ones are lost: with batch norm
 * behind them, steps of any sensible rate do not move them any more. Trained networks have 1 to 10
 * times the initial norm.
 */
const EXPLODED = 1_000;

/**
 * The error of a run that diverged, with what a person can do; any other error as it is.
 * @param version of the parameters that it diverged with
 * @returns the error to end the run with; the checkpoints have been seen to
 */
export async function withRemedy(
  error: unknown,
  version: number,
  deps: DivergenceDeps,
): Promise<unknown> {
  const { config, folder } = deps;
  if (!(error instanceof TrainerError) || !hasDiverged(error, version)) return error;
  if (!folder.isHeld()) return error;
  const remedy = version === 0 ? remedyBeforeTraining(config) : await lowerRates(version, deps);
  folder.event('run.diverged', error.message, { step: version });
  return new TrainerError(error.code, `${error.message}; ${remedy}`, error.details, {
    cause: error,
  });
}

/**
 * Features that are equal before the first step are those of the images, and named so where they
 * are found.
 */
function hasDiverged({ code, details }: TrainerError, version: number): boolean {
  return code === 'NON_FINITE' || (details['hasCollapsed'] === true && version > 0);
}

function remedyBeforeTraining({ data, cluster }: RunConfig): string {
  const images = `deepcluster data verify --data ${shellWord(data.source ?? '')}`;
  const engine = `deepcluster doctor --engine ${cluster.engine}`;
  return `no step has been taken yet: check the images (${images}) and the engine (${engine})`;
}

async function lowerRates(version: number, deps: DivergenceDeps): Promise<string> {
  const { runId, config, layout, folder } = deps;
  const bound = EXPLODED * norm(initialParameters(layout, config.seed));
  const isUnsound = (checkpoint: Checkpoint): boolean => {
    if (checkpoint.step >= version) return true;
    try {
      const { parameters } = fromCheckpoint(checkpoint, runId);
      return norm(vectorOf(parameters, 'parameters')) > bound;
    } catch {
      return true; // values beyond float32, or another run's: nobody goes on from it
    }
  };
  const { newest, setAside } = await setAsideUnsound(
    { root: folder.checkpoints, staging: folder.staging },
    isUnsound,
  );
  for (const name of setAside) {
    const reason = `training from it came to numbers that are not finite, or to equal features`;
    folder.event('checkpoint.set-aside', reason, { name });
  }
  const rates = loweredRates(config.training);
  if (newest !== null) {
    const command = resumeCommand(folder.path, {
      credentials: deps.credentials?.folder,
      settings: rates,
    });
    return `go on from ${newest} with lower learning rates: ${command}`;
  }
  const settings = Object.entries(rates).map(([key, value]) => `--set ${key}=${value}`);
  return `no checkpoint from before is left: begin another run, in another --out, with ${settings.join(' ')}`;
}

/** Summed in float64. */
function norm(values: Float32Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}
