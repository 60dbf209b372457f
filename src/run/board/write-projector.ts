/** Fills the embedding projector of a finished run, as `deepcluster report` does. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../process/replace-file.ts';
import { PROJECTOR_CONFIG, projectorFiles } from '../../tensorboard/projector.ts';
import type { ImageSource } from '../../data/source/source.ts';
import { BOARD } from '../folder.ts';
import type { OpenedRun } from '../open-run.ts';
import type { SampledFeatures } from '../report/gallery.ts';
import { clusteredImages } from './clustered-images.ts';
import { clusterEmbedding, imageEmbedding } from './embeddings.ts';

/**
 * @param features of some images; null: the clusters are there alone
 * @returns the projector's configuration; null where there is nothing to show
 * @throws the file system's error
 */
export async function writeProjector(
  { path, config, clusters, details, centroids }: OpenedRun,
  source: ImageSource,
  features: SampledFeatures | null,
): Promise<string | null> {
  const images = clusteredImages(source, { clusters, details, k: config.clustering.k });
  const found = [
    centroids === null ? null : await clusterEmbedding(images, centroids),
    features === null ? null : await imageEmbedding(images, features),
  ];
  const embeddings = found.filter((embedding) => embedding !== null);
  if (embeddings.length === 0) return null;
  const folder = join(path, BOARD);
  await mkdir(folder, { recursive: true });
  for (const { name, content } of projectorFiles(embeddings)) {
    await replaceFile(join(folder, name), content);
  }
  return join(folder, PROJECTOR_CONFIG);
}
