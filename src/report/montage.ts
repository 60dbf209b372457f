/** Some images of the largest clusters. */
import { EMBEDDED_IMAGE, markup, type Markup } from './markup.ts';
import { formatCount, formatNoun, formatPercent } from './number-format.ts';
import type { ClusterSample, SampleImage } from './report-data.ts';

export function montage(samples: readonly ClusterSample[]): Markup {
  return markup`<div class="montage">
${samples.map(clusterFigure)}
</div>`;
}

function clusterFigure({ cluster, size, images, majorityClass }: ClusterSample): Markup {
  const shown = images.filter(({ dataUri }) => EMBEDDED_IMAGE.test(dataUri));
  return markup`<figure class="cluster">
<figcaption><h3>Cluster ${formatCount(cluster)}</h3><span>${formatNoun(size, 'image')}</span></figcaption>
${majorityClass === undefined ? null : majority(majorityClass)}
<div class="images">${shown.map(picture)}</div>
</figure>
`;
}

function majority({ name, share }: { name: string; share: number }): Markup {
  return markup`<p class="majority"><span class="share" aria-hidden="true"><span style="width:${100 * share}%"></span></span><span><b>${formatPercent(share, 0)}</b> ${name}</span></p>
`;
}

function picture({ dataUri, path }: SampleImage): Markup {
  return markup`<img src="${dataUri}" alt="${path}" title="${path}" loading="lazy" decoding="async">`;
}
