/** The frame of every page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markup } from '../../src/report/markup.ts';
import { wholePage } from '../../src/report/page-frame.ts';

test('a page has its head and its body, and its title is text', () => {
  const head = { title: 'a < b', policy: null, styles: [markup`<style>i {}</style>`] };
  const lines = [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<title>a &lt; b</title>',
    '<style>i {}</style>',
    '</head>',
    '<body>',
    '<main>c</main>',
    '</body>',
    '</html>',
    '',
  ];
  assert.equal(wholePage(head, markup`<main>c</main>`), lines.join('\n'));
});

test('its policy stands before all that could be loaded, its other elements before the title', () => {
  const head = {
    ...{ title: 't', policy: "default-src 'none'", styles: [markup`<style></style>`] },
    meta: [markup`<link rel="icon" href="data:,">`],
  };
  const page = wholePage(head, markup``);
  const places = ['charset', 'Content-Security-Policy', '<link', '<title>', '<style>'].map((text) =>
    page.indexOf(text),
  );
  assert.ok(places[0]! > 0);
  assert.deepEqual(
    places,
    [...places].sort((a, b) => a - b),
  );
  assert.ok(page.includes('content="default-src &#39;none&#39;"'));
});
