/** The figures that tell a healthy epoch of ODC from a collapsing one, in the report, the summary and on the console. */
import { formatCount, formatFixed } from '../../report/number-format.ts';
import type { AlgorithmFigures } from '../figures.ts';
import { changeChart } from './change-chart.ts';
import { ODC_KEY, odcFiguresOf, type OdcEpochFigures } from './epoch-figures.ts';

/** Its part of summary.json. */
export interface OdcSummary {
  /** By epoch. */
  readonly changeRatio: readonly number[];
  readonly perplexity: readonly number[];
  /** At the end of the run. */
  readonly smallest: number;
  readonly largest: number;
  /** Over the run. */
  readonly merges: number;
  readonly splits: number;
}

export const ODC_FIGURES: AlgorithmFigures = {
  key: ODC_KEY,
  columns: [
    {
      name: 'Changed',
      explanation: 'share of the drawn images whose pseudo-label changed',
      cell: (epoch) => formatFixed(odcFiguresOf(epoch)?.changeRatio ?? null, 3),
    },
    {
      name: 'Smallest',
      explanation: 'images of the smallest cluster at the end of the epoch',
      cell: (epoch) => formatCount(odcFiguresOf(epoch)?.smallest ?? null),
    },
    {
      name: 'Largest',
      explanation: 'images of the largest cluster at the end of the epoch',
      cell: (epoch) => formatCount(odcFiguresOf(epoch)?.largest ?? null),
    },
    {
      name: 'Merged, split',
      explanation: 'small clusters merged into others, and large ones split in their place',
      cell: (epoch) => {
        const odc = odcFiguresOf(epoch);
        return odc === null ? '–' : `${formatCount(odc.merges)}, ${formatCount(odc.splits)}`;
      },
    },
  ],
  charts: [changeChart],
  summarise: (epochs) => summariseOdc(epochs as readonly OdcEpochFigures[]),
  line: (summary) => lineOf(summary as OdcSummary),
};

function summariseOdc(figures: readonly OdcEpochFigures[]): OdcSummary {
  const last = figures.at(-1);
  return {
    changeRatio: figures.map(({ changeRatio }) => changeRatio),
    perplexity: figures.map(({ perplexity }) => perplexity),
    smallest: last?.smallest ?? 0,
    largest: last?.largest ?? 0,
    merges: figures.reduce((total, { merges }) => total + merges, 0),
    splits: figures.reduce((total, { splits }) => total + splits, 0),
  };
}

function lineOf({ changeRatio, smallest, largest, merges, splits }: OdcSummary): string {
  const [first, last] = [changeRatio[0] ?? NaN, changeRatio.at(-1) ?? NaN];
  const changes = `change ratio ${first.toFixed(3)} to ${last.toFixed(3)}`;
  return `${changes}, sizes ${smallest} to ${largest}, ${merges} merged, ${splits} split`;
}
