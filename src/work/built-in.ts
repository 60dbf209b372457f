/** The kinds of work that there are: a line for each. */
export { assign } from './assign.ts';
export { clusterHead } from './cluster-head.ts';
export { evaluate } from './evaluate.ts';
export { extract } from './extract.ts';
export { fillMemory } from './fill-memory.ts';
export { findNeighbours } from './pic/find-neighbours.ts';
export { kmeansStep } from './kmeans-step.ts';
export { moments } from './moments.ts';
export { project } from './project.ts';
export { sampleRows } from './sample-rows.ts';
export { shareRows } from './pic/share-rows.ts';
export { solvePca } from './solve-pca.ts';
export { trainSlice } from './train-slice.ts';
