/**
 * The card beside an export: what it is, how its images are made, what it gives, and how it is
 * loaded.
 */
import { basename } from 'node:path';
import { MEAN, STD } from '../engine/plain/front-end.ts';
import { centreShorterSide } from '../data/pixels/views.ts';
import { algorithmNamed } from '../algorithms/registry.ts';
import { CLUSTER_ARRAYS } from './graph/clusters.ts';
import type { ExportContent } from './content.ts';
import type { EncodedExport, ExportFormat } from './format.ts';
import type { Place } from './place.ts';
import { usageOf } from './usage.ts';

export function cardOf(
  content: ExportContent,
  format: Pick<ExportFormat, 'name' | 'says'>,
  encoded: EncodedExport,
  place: Place,
): string {
  const sections = [
    `# ${basename(place.out)}`,
    aboutOf(content, format),
    '## Images',
    imagesOf(content, format),
    '## Outputs',
    encoded.outputs.length === 0 ? arraysOf(content) : outputsOf(encoded),
    '## Use',
    ...usageOf(content, format.name, basename(place.out)),
  ];
  return `${sections.join('\n\n')}\n`;
}

function aboutOf(
  { run, spec, facts }: ExportContent,
  { says }: Pick<ExportFormat, 'says'>,
): string {
  const { config, images, step } = run;
  const { title } = algorithmNamed(config.algorithm);
  const neck =
    config.model.neck === 'none' ? '' : `, trained with a neck (\`${config.model.neck}\`)`;
  return [
    `The network of run \`${run.runId}\` as ${says}: \`${spec.architecture}\`${neck}, trained without labels`,
    `by ${title} on ${images.count} images in ${config.clustering.k} clusters; ${step} steps`,
    `(checkpoint \`${run.checkpoint}\`). Written by ${facts['producer']!}.`,
  ].join('\n');
}

function imagesOf({ run, spec }: ExportContent, { name }: Pick<ExportFormat, 'name'>): string {
  const { imageSize: size, sobel } = spec;
  const shorter = centreShorterSide(size, run.config.data.resizeRatio);
  const axes = name === 'onnx' ? `[N, 3, ${size}, ${size}]` : `[N, ${size}, ${size}, 3]`;
  const normalisation = `less the mean ${JSON.stringify(MEAN)}, divided by ${JSON.stringify(STD)}`;
  const gradients = 'the plain mean of the three, and of that two Sobel maps';
  const made = `RGB in sRGB, resized to a shorter side of ${shorter} px (bilinear with antialiasing, as Pillow's), the centre ${size} x ${size} px`;
  const lines =
    name === 'safetensors'
      ? [
          `- ${made}, from 0 to 1, ${normalisation}`,
          ...(sobel ? [`- then ${gradients}: the module \`sobel\`, which has no arrays here`] : []),
        ]
      : [
          `- input \`images\`: float32 ${axes}, from 0 to 1: ${made}`,
          `- inside the graph: ${normalisation}${sobel ? `; ${gradients}` : ''}`,
        ];
  return lines.join('\n');
}

function outputsOf({ outputs }: EncodedExport): string {
  return outputs
    .map(
      ({ name, type, shape, says }) =>
        `- \`${name}\`: ${type} [${['N', ...shape].join(', ')}]: ${says}`,
    )
    .join('\n');
}

function arraysOf({ spec, clusters, hasHead }: ExportContent): string {
  const { mean, components, eigenvalues, centroids } = CLUSTER_ARRAYS;
  return [
    `- float32 arrays of the network, by the names of PyTorch's modules; convolutions [out, in, kh, kw], fully connected layers [out, in]; the representation is ${spec.representationName}`,
    `- the head is ${hasHead ? 'among them' : 'left out'}`,
    ...(clusters === null
      ? []
      : [
          ...(clusters.whitening === null
            ? []
            : [
                `- \`${mean}\` [D], \`${components}\` [d, D], \`${eigenvalues}\` [d], float64: a feature less the mean, times the components, is whitened`,
              ]),
          `- \`${centroids}\` [K, d] float32: compared, by ${METRICS[clusters.metric]}, with the row divided by its length`,
        ]),
  ].join('\n');
}

const METRICS = {
  dot: 'the largest dot product',
  cosine: 'the largest cosine',
  distance: 'the smallest distance',
} as const;
