/** Pictures from the largest clusters: what the network finds alike. */
import { markup, type Markup } from './markup.ts';
import { formatNoun, formatPercent } from './number-format.ts';
import type { ClusterSample, SampleImage } from './report-data.ts';

/** A page that opens from disk loads nothing from elsewhere, whatever it was given. */
const EMBEDDED_IMAGE = /^data:image\/(?:jpeg|png|webp|gif|avif);base64,[A-Za-z0-9+/]+=*$/;

export function clusterMontage(samples: readonly ClusterSample[]): Markup {
  return markup`<div class="montage">${samples.map(clusterCard)}</div>`;
}

function clusterCard({ cluster, size, images, majorityClass }: ClusterSample): Markup {
  const majority = majorityClass
    ? markup`<p class="majority" title="${formatPercent(majorityClass.share)} of its images are of class ${majorityClass.name}"><span>${formatPercent(majorityClass.share, 0)}</span> ${majorityClass.name}</p>`
    : null;
  return markup`<article class="card cluster">
<h3>Cluster ${cluster}</h3><p class="small">${formatNoun(size, 'image')}</p>${majority}
<div class="thumbs">${images.map(thumb)}</div>
</article>
`;
}

function thumb({ dataUri, path }: SampleImage): Markup {
  if (!EMBEDDED_IMAGE.test(dataUri)) {
    return markup`<span class="thumb" role="img" aria-label="${path}" title="${path}"></span>`;
  }
  return markup`<img class="thumb" loading="lazy" decoding="async" src="${dataUri}" alt="${path}" title="${path}">`;
}
