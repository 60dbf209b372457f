/** A page of pictures in groups, one HTML file that opens from disk and loads nothing. */
import { forEachInLanes } from '../data/lanes.ts';
import { thumbnailJpeg } from '../data/pixels/thumbnail.ts';
import { shownPath } from '../data/source/path-bytes.ts';
import type { ImageSource } from '../data/source/source.ts';
import { markup, type Markup } from '../report/markup.ts';
import { wholePage } from '../report/page-frame.ts';
import { STYLE } from '../report/style.ts';

export interface PictureGroup {
  /** Empty: none. */
  readonly title: string;
  readonly pictures: readonly GroupPicture[];
}

export interface GroupPicture {
  readonly id: number;
  /** A line beneath it. */
  readonly caption: string;
}

/** Pictures of a page at the most: each is a few kilobytes. */
const MOST_PICTURES = 600;
/** Shown at half of it, so that they are sharp on dense screens [px]. */
const SIDE = 192;
/** Images read at a time. */
const LANES = 4;

const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

const PAGE_STYLE = markup`<style>
.group { display: flex; flex-wrap: wrap; gap: 10px; margin-bottom: 20px; }
.group figure { width: 96px; }
.group img { width: 96px; height: 96px; object-fit: cover; border-radius: 6px; display: block; background: var(--grid); }
.group figcaption { color: var(--soft); font-size: 11px; line-height: 1.3; overflow-wrap: anywhere; margin-top: 3px; }
</style>`;

/**
 * Images that cannot be read are shown without a picture; groups beyond the page's room are left
 * out, and it says so.
 */
export async function picturePage(
  title: string,
  groups: readonly PictureGroup[],
  source: ImageSource,
  signal?: AbortSignal,
): Promise<string> {
  const shown: PictureGroup[] = [];
  let pictures = 0;
  for (const group of groups) {
    if (pictures + group.pictures.length > MOST_PICTURES && shown.length > 0) break;
    shown.push({ ...group, pictures: group.pictures.slice(0, MOST_PICTURES) });
    pictures += group.pictures.length;
  }
  const ids = [...new Set(shown.flatMap((group) => group.pictures.map(({ id }) => id)))];
  const images = new Map<number, string>();
  const read = async (i: number): Promise<void> => {
    const id = ids[i]!;
    const bytes = await source.read(id, signal).catch(() => null);
    const jpeg = bytes === null ? null : await thumbnailJpeg(bytes, SIDE).catch(() => null);
    if (jpeg !== null) images.set(id, `data:image/jpeg;base64,${jpeg.toString('base64')}`);
  };
  await forEachInLanes(ids.length, LANES, read, signal);
  const left = groups.length - shown.length;
  const body = markup`<header><h1>${title}</h1></header>
<main>
${shown.map((group) => groupSection(group, images, source))}
${left === 0 ? null : markup`<p class="note">${String(left)} more groups are in the table.</p>`}
</main>`;
  return wholePage({ title, policy: POLICY, styles: [markup`${STYLE}${PAGE_STYLE}`] }, body);
}

function groupSection(
  { title, pictures }: PictureGroup,
  images: ReadonlyMap<number, string>,
  source: ImageSource,
): Markup {
  return markup`${title === '' ? null : markup`<h2>${title}</h2>`}
<div class="group">${pictures.map(({ id, caption }) => {
    const path = shownPath(source.path(id));
    const uri = images.get(id);
    const image =
      uri === undefined
        ? null
        : markup`<img src="${uri}" alt="${path}" loading="lazy" decoding="async">`;
    return markup`<figure title="${path}">${image}<figcaption>${caption}<br>${path}</figcaption></figure>
`;
  })}</div>
`;
}
