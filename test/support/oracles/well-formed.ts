/** Pages as a strict reader takes them. */
import assert from 'node:assert/strict';

const VOID_ELEMENTS = new Set(['meta', 'img', 'input']);

/** Elements whose content is no markup: up to their end tag, whatever stands between. */
const NO_TEXT = /<(style|script)(?: [a-z]+="[^"<>]*")*>[\s\S]*?<\/\1>/g;

/** Fails unless every tag is closed in order, every attribute quoted, every `<` and `&` of the text escaped. */
export function assertWellFormed(html: string): void {
  const body = html.replace(/^<!doctype html>\n/, '').replaceAll(NO_TEXT, '');
  const open: string[] = [];
  const tag = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)\s*(\/?)>/gi;
  const text = body.replaceAll(
    tag,
    (_all, end: string, name: string, _attributes, close: string) => {
      if (end !== '') assert.equal(open.pop(), name, `closed in order: ${name}`);
      else if (close === '' && !VOID_ELEMENTS.has(name)) open.push(name);
      return '';
    },
  );
  assert.deepEqual(open, [], 'all closed');
  assert.ok(!/[<>]/.test(text), `no stray bracket: ${/.{0,40}[<>].{0,40}/.exec(text)?.[0] ?? ''}`);
  assert.ok(!/&(?!(?:amp|lt|gt|quot|#39);)/.test(body), 'no stray ampersand');
}

/** Without tags, with single spaces. */
export function textOf(html: string): string {
  return html
    .replaceAll(NO_TEXT, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/[\s\u00A0]+/g, ' ');
}
