/**
 * `/metrics`: the run as Prometheus reads it. Names and units by its conventions
 * (https://prometheus.io/docs/practices/naming/): base units, `_total` for counters, which count
 * from this process's beginning; where the run stands are gauges.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { TIMED_PHASES } from '../../src/run/record-state.ts';
import type { Growth } from './growth.ts';
import { WORKER_STATES, type LiveState } from './live-state.ts';

export interface MetricSources {
  readonly state: LiveState;
  readonly counters: Pick<Growth, 'of'>;
}

/** Values by the one label that a metric has; `''` where it has none. */
type Values = Readonly<Record<string, number | null>>;

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  /** Left out: it has none. */
  readonly label?: string;
  /** Null: not known, so that there is no sample. */
  readonly values: (sources: MetricSources) => Values;
}

const gauge = (name: string, help: string, of: (state: LiveState) => number | null): Metric => ({
  ...{ name, help, kind: 'gauge' },
  values: ({ state }) => ({ '': of(state) }),
});

const counter = (name: string, help: string, count: string): Metric => ({
  ...{ name, help, kind: 'counter' },
  values: ({ counters }) => ({ '': counters.of(count) }),
});

const newestEpoch = (state: LiveState) => state.byEpoch.at(-1);

/** In the order in which they are written. */
const METRICS: readonly Metric[] = [
  counter('deepcluster_steps_committed_total', 'Optimizer steps that took effect.', 'steps'),
  gauge('deepcluster_step', 'Optimizer steps that the run has come to.', ({ steps }) => steps),
  gauge('deepcluster_epoch', 'Epochs that are done.', ({ epochsDone }) => epochsDone),
  gauge('deepcluster_epochs', 'Epochs of the run.', ({ epochs }) => epochs),
  gauge('deepcluster_loss', 'Mean loss of the newest step.', ({ loss }) => loss),
  gauge(
    'deepcluster_clusters_nmi_previous',
    'Normalised mutual information of the newest clustering with the one before.',
    (state) => newestEpoch(state)?.nmiToPrevious ?? null,
  ),
  gauge(
    'deepcluster_clusters_nmi_classes',
    'Normalised mutual information of the newest clustering with the classes of the folders.',
    (state) => newestEpoch(state)?.nmiToTruth ?? null,
  ),
  gauge(
    'deepcluster_clusters_empty',
    'Clusters without an image.',
    (state) => newestEpoch(state)?.emptyClusters ?? null,
  ),
  counter(
    'deepcluster_images_trained_total',
    'Images that steps trained on, each time that they did.',
    'imagesTrained',
  ),
  counter(
    'deepcluster_images_extracted_total',
    'Images whose features were made for a clustering, each time.',
    'imagesExtracted',
  ),
  gauge('deepcluster_images_unreadable', 'Images that cannot be read.', (s) => s.unreadable),
  gauge('deepcluster_images_damaged', 'Images that decode in part only.', (s) => s.damaged),
  {
    name: 'deepcluster_phase_seconds_total',
    help: 'Wall time by phase of the run.',
    kind: 'counter',
    label: 'phase',
    values: ({ counters }) =>
      Object.fromEntries(TIMED_PHASES.map((phase) => [phase, counters.of(`seconds.${phase}`)])),
  },
  gauge(
    'deepcluster_time_left_seconds',
    'Estimate of the time until the run ends.',
    ({ pace }) => pace?.runSecondsLeft ?? null,
  ),
  {
    name: 'deepcluster_workers',
    help: 'Workers by their state.',
    kind: 'gauge',
    label: 'state',
    values: ({ state: { workers } }) =>
      Object.fromEntries(
        WORKER_STATES.map((name) => [name, workers.filter(({ state }) => state === name).length]),
      ),
  },
  gauge('deepcluster_servers', 'Parameter servers of the run.', ({ servers }) => servers.length),
  gauge('deepcluster_leases', 'Leases that workers have now.', ({ workers }) =>
    workers.reduce((sum, { leases }) => sum + leases, 0),
  ),
  counter(
    'deepcluster_leases_returned_total',
    'Leases that went back because they expired or their worker was lost.',
    'leasesReturned',
  ),
  counter(
    'deepcluster_pushes_duplicate_total',
    'Results that came a second time and changed nothing.',
    'duplicates',
  ),
  counter(
    'deepcluster_results_fenced_total',
    'Results for leases that were not held any more.',
    'fenced',
  ),
  counter(
    'deepcluster_process_restarts_total',
    'Workers, servers and coordinators that took the place of another.',
    'restarts',
  ),
  {
    name: 'deepcluster_checkpoints_written_total',
    help: 'Checkpoints that were written.',
    kind: 'counter',
    values: ({ state }) => ({ '': state.checkpoints.written }),
  },
  {
    name: 'deepcluster_checkpoints_failed_total',
    help: 'Checkpoints that could not be written.',
    kind: 'counter',
    values: ({ state }) => ({ '': state.checkpoints.failed }),
  },
  gauge(
    'deepcluster_checkpoint_bytes',
    'Size of the newest checkpoint.',
    ({ checkpoints }) => checkpoints.newest?.bytes ?? null,
  ),
  gauge(
    'deepcluster_checkpoint_step',
    'Optimizer steps that the newest checkpoint has.',
    ({ checkpoints }) => checkpoints.newest?.step ?? null,
  ),
  gauge('deepcluster_term', 'Term of the run: rises with each restart.', ({ term }) => term),
  gauge('deepcluster_paused', '1 while nothing is given out, for whatever reason.', (state) =>
    state.stage === 'running' && state.remark === '' ? 0 : 1,
  ),
];

/** By name, for whoever refers to them. */
export const METRIC_NAMES: readonly string[] = METRICS.map(({ name }) => name);

/** Writes the run's numbers in the text format of Prometheus. */
export class MetricsPage {
  readonly #registry = new Registry();
  readonly #metrics: readonly { readonly metric: Metric; readonly set: (values: Values) => void }[];

  constructor() {
    this.#metrics = METRICS.map((metric) => ({ metric, set: setterOf(metric, this.#registry) }));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(sources: MetricSources): Promise<string> {
    for (const { metric, set } of this.#metrics) set(metric.values(sources));
    return this.#registry.metrics();
  }
}

function setterOf(
  { name, help, kind, label }: Metric,
  registry: Registry,
): (values: Values) => void {
  const options = {
    name,
    help,
    registers: [registry],
    labelNames: label === undefined ? [] : [label],
  };
  const made = kind === 'counter' ? new Counter(options) : new Gauge(options);
  return (values) => {
    made.reset();
    // A metric without labels is 0 after a reset: what is not known has no sample at all.
    if (label === undefined && kind === 'gauge') made.remove({});
    for (const [key, value] of Object.entries(values)) {
      if (value === null || !Number.isFinite(value)) continue;
      const labels = label === undefined ? {} : { [label]: key };
      if (made instanceof Gauge) made.set(labels, value);
      else made.inc(labels, value);
    }
  };
}
