/**
 * Power iteration clustering of an epoch, from whitened rows to clusters with their means: the
 * graph comes from the workers, what is made of it is computed here. Source: Caron et al. 2018,
 * section 4.1 and appendix; spec of DeepCluster, section 5.1. The arithmetic is in
 * src/clustering/pic. Shapes: N images of the run, n with a row, K clusters.
 */
import { setImmediate as letOthersRun } from 'node:timers/promises';
import type { Clustering } from '../../src/algorithms/strategy.ts';
import { affinityGraph, type AffinityGraph } from '../../src/clustering/pic/affinity-graph.ts';
import {
  boundClusters,
  countOf,
  distributeSingletons,
  type BoundedClusters,
} from '../../src/clustering/pic/cluster-changes.ts';
import { ClusterMeans } from '../../src/clustering/pic/cluster-means.ts';
import {
  climb,
  isFixed,
  normalised,
  powerStep,
  uniformVector,
} from '../../src/clustering/pic/power-iteration.ts';
import { configInvalid } from '../../src/errors.ts';
import { planShards } from '../../src/data/shard-plan.ts';
import type { ClusteringRound } from '../run/clustering-round.ts';
import type { ClusteringDeps } from './clustering-deps.ts';
import { findNeighbourTable, type ImageNeighbours } from './neighbour-table.ts';
import { blocksOf, rowsOfBlock, type ShardBlock } from './shared-rows.ts';

const PIC_PHASE = { phase: 'pic', timedAs: 'kmeans' } as const;
/** Without a look at messages, at most some multiple of this [ms]. */
const TURN_MS = 50;

/** @param round whose rows are whitened; it has the clusters afterwards */
export async function clusterByGraph(
  epoch: number,
  round: ClusteringRound,
  deps: ClusteringDeps,
): Promise<Clustering> {
  const { config, imageCount } = deps;
  const shards = planShards(imageCount, config.data.shardSize).map(({ index }) => index);
  const blocks = blocksOf(shards, (shard) => round.rowsOf(shard), config.clustering.pcaDim);
  const table = await findNeighbourTable(round, blocks, deps);
  deps.enterPhase(PIC_PHASE);
  const found = await clustersOfGraph(epoch, table, round, deps);
  const labels = new Int32Array(imageCount).fill(-1);
  table.ids.forEach((id, place) => (labels[id] = found.labels[place]!));
  const means = new ClusterMeans(found.count);
  await addRows(means, labels, blocks, round);
  if (found.labels.includes(-1)) {
    round.takeCentroids(means.means(), found.count);
    await joinNearest(labels, means, { table, blocks }, round);
  }
  const centroids = means.means();
  round.takeCentroids(centroids, found.count);
  return round.takeClusters(labels, means.inertia(centroids));
}

/** [n] labels, -1 where the graph leads to no cluster that was kept. */
async function clustersOfGraph(
  epoch: number,
  table: ImageNeighbours,
  round: ClusteringRound,
  deps: ClusteringDeps,
): Promise<BoundedClusters> {
  const { k, pic } = deps.config.clustering;
  const graph = affinityGraph(table, pic.sigma);
  const tops = climb(graph, await iterated(graph, round, deps));
  const all = pic.distributeSingletons
    ? distributeSingletons(tops, table)
    : { labels: tops, count: countOf(tops), moved: 0 };
  const bounded = boundClusters(graph, all, k);
  tell(epoch, { found: all.count, singletons: all.moved, bounded }, deps);
  return bounded;
}

/** @throws TrainerError CONFIG_INVALID where the vector grows beyond float64 */
async function iterated(
  graph: AffinityGraph,
  round: ClusteringRound,
  { config }: ClusteringDeps,
): Promise<Float64Array> {
  const { alpha, iterations } = config.clustering.pic;
  let vector = uniformVector(graph.count);
  let sinceMs = performance.now();
  for (let i = 0; i < iterations; i += 1) {
    const next = powerStep(graph, vector, alpha);
    if (isFixed(vector, next)) break;
    vector = next;
    if (performance.now() - sinceMs < TURN_MS) continue;
    round.progress(PIC_PHASE.phase, i + 1, iterations, 'iterations');
    await letOthersRun();
    sinceMs = performance.now();
  }
  round.progress(PIC_PHASE.phase, iterations, iterations, 'iterations');
  if (vector.every(Number.isFinite)) return normalised(vector);
  const rule = `must be lower, its power iteration grows beyond float64 in ${iterations} steps`;
  throw configInvalid('clustering.pic.alpha', rule, alpha);
}

async function addRows(
  means: ClusterMeans,
  labels: Int32Array,
  blocks: readonly ShardBlock[],
  round: ClusteringRound,
): Promise<void> {
  for (const block of blocks) means.add(await rowsOfBlock(round, block), (id) => labels[id]!);
}

/** Gives images without a cluster that of the nearest mean, and adds their rows to it. */
async function joinNearest(
  labels: Int32Array,
  means: ClusterMeans,
  { table, blocks }: { table: ImageNeighbours; blocks: readonly ShardBlock[] },
  round: ClusteringRound,
): Promise<void> {
  const nearest = await round.nearestClusters();
  const joining = new Int32Array(labels.length).fill(-1);
  for (const id of table.ids) {
    if (labels[id]! >= 0) continue;
    joining[id] = nearest[id]!;
    labels[id] = nearest[id]!;
  }
  await addRows(means, joining, blocks, round);
}

interface GraphFigures {
  /** Before the smallest are dissolved. */
  readonly found: number;
  /** That joined another cluster. */
  readonly singletons: number;
  readonly bounded: BoundedClusters;
}

function tell(
  epoch: number,
  { found, singletons, bounded }: GraphFigures,
  { config, folder, logger }: ClusteringDeps,
): void {
  const { count: clusters, dissolved, moved } = bounded;
  const place = epoch < config.epochs ? `epoch ${epoch + 1}` : 'final clusters';
  const figures = { epoch, found, clusters, singletons, dissolved, moved };
  folder.metrics({ metric: 'dc_graph_clusters', ...figures });
  const reason = `${place}: ${clusters} clusters of the graph, ${singletons} singletons joined others`;
  folder.event('clusters.found', reason, figures);
  logger.info('clusters.found', { reason });
  if (dissolved === 0) return;
  const over = `${place}: the graph has ${found} clusters, more than clustering.k (${config.clustering.k})`;
  const remedy = `the ${dissolved} smallest were dissolved, ${moved} images went to others; a greater clustering.k keeps them`;
  folder.event('clusters.dissolved', `${over}: ${remedy}`, figures);
  logger.warn('clusters.dissolved', { reason: `${over}: ${remedy}` });
}
