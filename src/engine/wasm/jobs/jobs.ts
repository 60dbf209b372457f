/** All jobs, by the names under which threads know them. */
import { blendColumns, poolGradient, poolRow, scaleColumns, sumColumns } from './channel-jobs.ts';
import type { Job } from './job.ts';
import { cutTiles, joinTiles, transformTaps } from './tile-jobs.ts';
import {
  narrowRows,
  outerTiles,
  outerTilesOfLayers,
  packMatrices,
  packMatrix,
  padImage,
  transposeRow,
  windowTiles,
  windowTilesOfLayers,
} from './window-jobs.ts';

export const JOBS = {
  ...{ windowTiles, outerTiles, packMatrix, narrowRows, transposeRow, padImage },
  ...{ windowTilesOfLayers, outerTilesOfLayers, packMatrices },
  ...{ cutTiles, joinTiles, transformTaps },
  ...{ sumColumns, scaleColumns, blendColumns, poolRow, poolGradient },
} as const;

export type JobName = keyof typeof JOBS;

export type ParametersOf<N extends JobName> = Parameters<(typeof JOBS)[N]['run']>[1];

const NAMES = Object.keys(JOBS) as JobName[];

/** A job's number, for other threads. */
export function numberOf(name: JobName): number {
  return NAMES.indexOf(name);
}

export function jobOf(number: number): Job {
  return JOBS[NAMES[number]!];
}
