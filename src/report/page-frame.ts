/** The frame of every page of the program: its document type, its head, its body. */
import { markup, type Markup, type MarkupValue } from './markup.ts';

export interface PageHead {
  readonly title: string;
  /**
   * Content Security Policy, for a page that is opened from disk; null: the server that sends the
   * page sends one.
   */
  readonly policy: string | null;
  /** Elements before the title, besides those of every page; left out: none. */
  readonly meta?: readonly Markup[];
  /** Styles and scripts, a line each. */
  readonly styles: readonly MarkupValue[];
}

/** @returns the HTML of a whole page */
export function wholePage({ title, policy, meta = [], styles }: PageHead, body: Markup): string {
  const elements = [
    markup`<meta charset="utf-8">`,
    ...(policy === null
      ? []
      : [markup`<meta http-equiv="Content-Security-Policy" content="${policy}">`]),
    markup`<meta name="viewport" content="width=device-width, initial-scale=1">`,
    markup`<meta name="color-scheme" content="light dark">`,
    ...meta,
    markup`<title>${title}</title>`,
    ...styles,
  ];
  const page = markup`<html lang="en">
<head>
${elements.map((element) => markup`${element}\n`)}</head>
<body>
${body}
</body>
</html>`;
  return `<!doctype html>\n${page.text}\n`;
}
