/** The kinds of work that workers are given, and which features of a data shard each needs in the worker's memory. */

export type Network = 'trained' | 'random';

export type Work =
  | { readonly kind: 'extract'; readonly shard: number }
  | { readonly kind: 'moments'; readonly shard: number }
  | { readonly kind: 'solvePca' }
  | { readonly kind: 'project'; readonly shard: number }
  | { readonly kind: 'sampleRows'; readonly shard: number }
  | { readonly kind: 'kmeansStep'; readonly shard: number; readonly iteration: number }
  | { readonly kind: 'assign'; readonly shard: number }
  | { readonly kind: 'fillMemory'; readonly shard: number }
  | { readonly kind: 'trainSlice'; readonly step: number; readonly slice: number }
  | { readonly kind: 'evaluate'; readonly network: Network };

/** What a worker must hold of the shard before it can do the work. */
export type Stage = 'none' | 'extracted' | 'projected';

export function stageNeeded(work: Work): Stage {
  switch (work.kind) {
    case 'moments':
    case 'project':
      return 'extracted';
    case 'sampleRows':
    case 'kmeansStep':
    case 'assign':
    case 'fillMemory':
      return 'projected';
    case 'extract':
    case 'solvePca':
    case 'trainSlice':
    case 'evaluate':
      return 'none';
  }
}

/** The data shard that work is about, if it is about one. */
export function shardOf(work: Work): number | null {
  return 'shard' in work ? work.shard : null;
}

/** A name that is unique within the phase: `kmeansStep/3`, `trainSlice/120/1`. */
export function taskKey(work: Work): string {
  switch (work.kind) {
    case 'solvePca':
      return work.kind;
    case 'trainSlice':
      return `${work.kind}/${work.step}/${work.slice}`;
    case 'evaluate':
      return `${work.kind}/${work.network}`;
    default:
      return `${work.kind}/${work.shard}`;
  }
}
