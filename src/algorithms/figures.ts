/**
 * The figures of an algorithm's epochs: how they stand in the record, in summary.json, in the report and on the console.
 */
import type { Markup } from '../report/markup.ts';
import type { EpochColumn, ReportData } from '../report/report-data.ts';
import type { Figures } from '../report/summary.ts';

export interface AlgorithmFigures {
  /** Of its figures in an epoch's line of metrics.jsonl, and in summary.json. */
  readonly key: string;
  /** Columns of the report's table of epochs. */
  readonly columns: readonly EpochColumn[];
  /** Charts of the report; null where there is nothing to draw. */
  readonly charts: readonly ((data: ReportData) => Markup | null)[];
  /** Its part of summary.json. @param epochs of those that have figures, in order */
  summarise(epochs: readonly Figures[]): object;
  /** That part in a line for people. @param summary as {@link summarise} made it */
  line(summary: unknown): string;
}
