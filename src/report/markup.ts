/**
 * Markup that is escaped by construction: what a template interpolates is text, unless it is markup
 * already.
 */

/** A piece of HTML or SVG, safe to place in a page. Only `markup` makes one. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** No other image is written into a page: one that opens from disk must load nothing. */
export const EMBEDDED_IMAGE = /^data:image\/(?:jpeg|png|webp);base64,[A-Za-z0-9+/]+=*$/;

/** Data that a script of the page reads as JSON: no text within can end the block. */
export function dataBlock(id: string, value: unknown): Markup {
  const json = JSON.stringify(value).replaceAll('<', String.raw`\u003c`);
  return new Markup(`<script type="application/json" id="${id}">${json}</script>`);
}

/** Base64 that a script of the page reads. @throws Error for any other text */
export function textBlock(id: string, base64: string): Markup {
  if (!/^[A-Za-z0-9+/]*=*$/.test(base64)) throw new Error('a text block holds base64 only');
  return new Markup(`<script type="text/plain" id="${id}">${base64}</script>`);
}

/**
 * A script of ours, which runs once the page is there.
 * @throws Error for code that would end its element
 */
export function scriptElement(code: string): Markup {
  if (/<\/script|<!--/i.test(code)) throw new Error('the script would end its own element');
  return new Markup(`<script type="module">${code}</script>`);
}

export type MarkupValue = Markup | string | number | null | readonly MarkupValue[];

/** Stands for a number that is not there or not finite. */
export const MISSING = '–';

/**
 * Fills a template. Text is escaped for elements and quoted attributes; numbers have at most two
 * decimals; lists are joined; null is nothing.
 */
export function markup(parts: TemplateStringsArray, ...values: MarkupValue[]): Markup {
  return new Markup(parts.reduce((text, part, i) => `${text}${written(values[i - 1]!)}${part}`));
}

function written(value: MarkupValue): string {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? String(Math.round(value * 100) / 100) : MISSING;
  }
  return typeof value === 'string' ? escapeText(value) : value.map(written).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also replaces control characters, which no HTML text may hold: paths of an archive may. */
function escapeText(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign]!)
    .replaceAll(/[^\P{Cc}\t\n\r]/gu, '\uFFFD');
}
