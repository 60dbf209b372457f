/** The filters of the first layer as a picture. */
import { EMBEDDED_IMAGE, markup, type Markup } from '../markup.ts';
import { formatCount } from '../number-format.ts';
import type { FilterPicture } from '../report-data.ts';

/** Null for a picture that is not embedded. */
export function filterFigure({ dataUri, width, layer, count, side }: FilterPicture): Markup | null {
  if (!EMBEDDED_IMAGE.test(dataUri)) return null;
  return markup`<figure class="filters" style="margin-top:16px">
<figcaption><h3>Filters of the first layer</h3></figcaption>
<img src="${dataUri}" width="${width}" alt="The ${formatCount(count)} filters of ${layer}, each as the colours it answers to">
<p class="note">${formatCount(count)} filters of ${formatCount(side)} × ${formatCount(side)} px (${layer}), each stretched to its own range.</p>
</figure>`;
}
