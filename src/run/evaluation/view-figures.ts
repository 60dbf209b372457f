/**
 * Whether features and clusters stay with their image in random views, for both networks of an
 * evaluation.
 */
import { clusterSizes } from '../../clustering/agreement.ts';
import { sameClusterRate, sameImageRate } from '../../evaluation/view-consistency.ts';
import { gather, gatherRows } from '../../math/matrix.ts';
import { nearestClusters, type ClusteredImages } from './clusterings.ts';
import { SAMPLE_IMAGES, type Evaluated, type NetworkFeatures } from './evaluated.ts';
import { drawnImages, featuresOf } from './images.ts';
import type { Compared, ViewFigures } from './report.ts';

/** @param clustered the images as both networks cluster them */
export async function viewFigures(
  evaluated: Evaluated,
  clustered: Compared<ClusteredImages | null>,
): Promise<ViewFigures> {
  const { run, spec, features } = evaluated;
  const ids = drawnImages(evaluated.ids, SAMPLE_IMAGES, run.config.seed);
  const seen = await featuresOf(evaluated, { name: 'random views', view: 'random', ids });
  const rowOf = new Map(Array.from(evaluated.ids, (id, row) => [id, row]));
  const places = seen.ids.map((id) => rowOf.get(id)!);
  const { representationDim: dim } = spec;
  const sameImage = (centres: NetworkFeatures, views: NetworkFeatures): number =>
    sameImageRate({
      ...{ centres: gatherRows(centres.representation, places, dim), dim },
      views: views.representation,
    });
  const sameCluster = (network: keyof Compared): number | null => {
    const centres = clustered[network];
    if (centres === null) return null;
    const { feature } = seen.features[network];
    const ofViews = nearestClusters(centres, evaluated.engine, feature, places.length);
    return sameClusterRate(gather(centres.clusters, places), ofViews);
  };
  const byChance = (network: keyof Compared): number | null => {
    const centres = clustered[network];
    return centres === null ? null : sameByChance(centres, places);
  };
  return {
    images: places.length,
    sameImage: {
      trained: sameImage(features.trained, seen.features.trained),
      random: sameImage(features.random, seen.features.random),
    },
    sameCluster: { trained: sameCluster('trained'), random: sameCluster('random') },
    sameClusterByChance: { trained: byChance('trained'), random: byChance('random') },
  };
}

/** Chance that two of the images, drawn at random, lie in one cluster. */
function sameByChance({ clusters, centroids }: ClusteredImages, places: Int32Array): number {
  const sizes = clusterSizes(gather(clusters, places), centroids.count);
  return sizes.reduce((sum, size) => sum + (size / places.length) ** 2, 0);
}
