/**
 * The place in the page where its script shows the clusters, and the blocks of data that the
 * script reads.
 */
import { galleryJson, type GalleryData } from './gallery-data.ts';
import { dataBlock, markup, textBlock, type Markup } from '../markup.ts';
import { formatCount } from '../number-format.ts';

/**
 * Empty and hidden until the script fills it: without one the page shows the largest clusters
 * alone.
 */
export function galleryShell({ classes, map, images, paths, distances }: GalleryData): Markup {
  const sorts = [
    ['size', 'Size'],
    ...(classes === null ? [] : [['purity', 'Purity']]),
    ...(distances === null ? [] : [['tightness', 'Tightness']]),
    ['number', 'Number'],
  ];
  return markup`<div class="explorer" id="explorer" hidden>
<form class="tools" id="tools">
<label class="search"><span>Search paths</span><input type="search" id="query" autocomplete="off" spellcheck="false" placeholder="part of a path, or #7 for a cluster"></label>
<label><span>Sort by</span><select id="sort">${sorts.map(([value, name]) => markup`<option value="${value!}">${name!}</option>`)}</select></label>
<button type="button" id="reverse" aria-pressed="false">Reverse</button>
<button type="button" id="clear" hidden>Clear filters</button>
</form>
<p class="status" id="status" role="status"></p>
<div class="panes${map === null ? ' single' : ''}">
${map === null ? null : mapPane(map, classes !== null)}
<div class="pane list-pane" id="list-pane"></div>
</div>
${listedNote(images, paths.length)}
</div>`;
}

function mapPane(map: NonNullable<GalleryData['map']>, hasClasses: boolean): Markup {
  const choice = markup`<label><span>Colour by</span><select id="colour"><option value="cluster">cluster</option><option value="class">class</option></select></label>`;
  return markup`<div class="pane map-pane">
<div class="map-bar"><h3>Map</h3>${hasClasses ? choice : null}<button type="button" id="lasso" aria-pressed="false">Lasso</button></div>
<div class="map" id="map" tabindex="0" role="application" aria-label="Map of ${map.of}: arrow keys move to the next point, Enter opens its cluster, Escape lets go; drag to choose"><canvas aria-hidden="true"></canvas><div class="tip" id="tip" role="status" hidden></div></div>
<p class="note">${map.explanation} Drag around points to choose them.</p>
</div>`;
}

function listedNote(images: number, listed: number): Markup | null {
  if (listed === images) return null;
  return markup`<p class="note">The page lists ${formatCount(listed)} of ${formatCount(images)} images: of each large cluster the nearest to its centroid, and the farthest.</p>`;
}

/** Goes before the script, at the page's end. */
export function galleryBlocks(data: GalleryData): Markup {
  const { sheets } = data.sprites;
  const inside = sheets.kind === 'inside' ? sheets.webp : [];
  return markup`${inside.map((webp, i) => textBlock(`sheet-${i}`, Buffer.from(webp).toString('base64')))}
${dataBlock('gallery', galleryJson(data))}`;
}
