/** What a run's report shows of its algorithm. */
import type { ReportAlgorithm } from '../report/report-data.ts';
import { algorithmNamed } from './registry.ts';

export function reportAlgorithm(name: string): ReportAlgorithm {
  const { title, clustering, figures } = algorithmNamed(name);
  const { columns, charts } = figures ?? { columns: [], charts: [] };
  return { title, clustersEachEpoch: clustering.times === 'everyEpoch', columns, charts };
}
