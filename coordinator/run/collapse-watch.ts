/**
 * Watches for collapse: tells of clusters that collapse in training. It changes no number of a run.
 * Figures of sound runs that the bounds were held against are in docs/algorithms.md; images that
 * cannot be clustered at all are refused before (src/clustering/clusterable.ts).
 */
import type { ClusteringMoment } from '../../src/algorithms/strategy.ts';
import type { CollapseFigures } from '../../src/clustering/collapse.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { CollapseSummary } from '../../src/report/summary.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { loweredRates } from './lowered-rates.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';

/**
 * Spread below which features have nearly collapsed. Networks as they are initialised have 0.03 and
 * more, trained ones more.
 */
const NEARLY_EQUAL = 1e-4;
/**
 * Mean squared distance below which a step leaves ODC's rows where they were, but for rounding
 * (1e-14): fresh features are zero, as behind a layer whose units are all dead. Sound networks move
 * rows by 0.001 and more.
 */
const STILL = 1e-10;
/** Share of the images from which on a cluster has nearly all. */
const NEARLY_ALL = 0.95;
/**
 * Normalised entropy below which images lie in one or two of many clusters; sound runs have 0.8 and
 * more.
 */
const LOW_ENTROPY = 0.1;
/** What is wrong with the clusters, for a person; null while they are sound. */
export function findingOf(figures: CollapseFigures): string | null {
  const { spread, largestShare, entropy, movement } = figures;
  if (spread < NEARLY_EQUAL) {
    return `all features are nearly equal (their variance is ${spread.toExponential(1)} of their mean square)`;
  }
  if (movement !== null && movement < STILL) return 'the features of all images are zero';
  if (largestShare >= NEARLY_ALL) return `one cluster has ${percent(largestShare)} of the images`;
  if (entropy < LOW_ENTROPY) {
    return `a few clusters have all images (normalised entropy ${entropy.toFixed(3)})`;
  }
  return null;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** For `deepcluster status`; empty while the clusters are sound. */
export function collapseLine({ seen, now }: CollapseSummary): string {
  if (now === null) return '';
  const { finding, epoch, step } = now;
  return `${finding}, since epoch ${epoch + 1}, step ${step}; seen ${seen} times`;
}

export interface CollapseWatchDeps {
  readonly config: RunConfig;
  readonly record: Pick<RunRecord, 'collapse'>;
  readonly folder: Pick<RunFolder, 'event' | 'metrics'>;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}

export class CollapseWatch {
  readonly #deps: CollapseWatchDeps;

  constructor(deps: CollapseWatchDeps) {
    this.#deps = deps;
  }

  /**
   * Takes the figures of a moment into the record; tells of a change, and on the terminal of the
   * first collapse only.
   */
  note(figures: CollapseFigures, { epoch, step }: ClusteringMoment): void {
    const { record, folder, logger } = this.#deps;
    folder.metrics({ metric: 'dc_clusters', epoch, step, ...figures });
    const finding = findingOf(figures);
    const { seen, recovered, now } = record.collapse;
    if (finding !== null) {
      const since = now ?? { epoch, step };
      record.collapse = { seen: seen + 1, recovered, now: { ...since, finding } };
      if (now !== null) return;
      const reason = `epoch ${epoch + 1}, step ${step}: ${finding}; ${this.#remedy(step)}`;
      folder.event('clusters.collapsed', reason, { epoch, step, ...figures });
      if (seen === 0) logger.warn('clusters.collapsed', { reason });
    } else if (now !== null) {
      record.collapse = { seen, recovered: recovered + 1, now: null };
      const reason = `epoch ${epoch + 1}, step ${step}: the clusters are sound again`;
      folder.event('clusters.recovered', reason, { epoch, step, ...figures });
      logger.info('clusters.recovered', { reason });
    }
  }

  #remedy(step: number): string {
    if (step === 0) return 'look for images that are nearly alike';
    const rates = Object.entries(loweredRates(this.#deps.config.training));
    const settings = rates.map(([key, value]) => `--set ${key}=${value}`);
    return `if it does not recover, begin another run, in another --out, with ${settings.join(' ')}`;
  }
}
