/** Markup that is escaped by construction: what a template interpolates is text, unless it is markup already. */

/** A piece of HTML or SVG, safe to place in a page. Only `markup` makes one. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type MarkupValue = Markup | string | number | null | readonly MarkupValue[];

/** Stands for a number that is not there or not finite. */
export const MISSING = '–';

/**
 * Fills a template. Text is escaped for elements and quoted attributes; numbers have at most two decimals; lists are joined;
 * null is nothing.
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
