/** The figures that tell a healthy epoch of ODC from a collapsing one. */
import type { ReportEpoch } from '../../report/report-data.ts';
import type { Figures } from '../../report/summary.ts';

/** Of these figures in the record and in summary.json. */
export const ODC_KEY = 'odc';

/** Of an epoch; sizes are those at its end. */
export interface OdcEpochFigures extends Figures {
  /** Share of drawn samples whose pseudo-label changed. */
  readonly changeRatio: number;
  readonly smallest: number;
  readonly largest: number;
  /** exp of the sizes' entropy: as many clusters of one size would be as uneven. */
  readonly perplexity: number;
  /** Small clusters merged into others, and large ones split in their place. */
  readonly merges: number;
  readonly splits: number;
}

/** Null where an epoch has none. */
export function odcFiguresOf({ figures }: Pick<ReportEpoch, 'figures'>): OdcEpochFigures | null {
  return (figures?.[ODC_KEY] ?? null) as OdcEpochFigures | null;
}
