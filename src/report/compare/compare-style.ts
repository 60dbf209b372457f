/** Colours of the compared runs, and their tables. */
import { markup } from '../markup.ts';

export const COMPARE_STYLE = markup`<style>
:root { --run-0: #2a62c9; --run-1: #b8550f; --run-2: #1f8a5c; --run-3: #8a4fc0; --run-4: #b5306f; --run-5: #6b7a12; --run-6: #0f8296; --run-7: #6d5a4a; }
@media (prefers-color-scheme: dark) {
  :root { --run-0: #7aa7f7; --run-1: #f0a05a; --run-2: #5cc3a1; --run-3: #b892ea; --run-4: #e487b4; --run-5: #c3cf63; --run-6: #5fc8da; --run-7: #c7ad97; }
}
${Array.from(
  { length: 8 },
  (
    _,
    i,
  ) => markup`.swatch.run-${i} { background: var(--run-${i}); } .plot .run-${i} { stroke: var(--run-${i}); }
`,
)}
main .scroll { max-height: none; }
.compared thead .swatch { display: inline-block; vertical-align: middle; margin-right: 4px; }
.compared a { color: inherit; }
.compared th:first-child { text-align: left; }
.compared td code { white-space: normal; }
.compared .nmi { background: color-mix(in srgb, var(--first) var(--strength), transparent); }
@media (max-width: 720px) {
  .compared th, .compared td { white-space: normal; padding: 8px; overflow-wrap: anywhere; min-width: 5.5em; }
  .compared th:first-child { position: sticky; left: 0; background: var(--card); padding-left: 16px; max-width: 9em; overflow-wrap: break-word; }
}
</style>`;
