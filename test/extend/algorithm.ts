/** An algorithm is added: a folder of src/algorithms and a line. It is the one that test code registers, in its own place. */
import { readFileSync } from 'node:fs';
import type { Addition } from './addition.ts';

const double = readFileSync(
  new URL('../support/doubles/hashed-algorithm.ts', import.meta.url),
  'utf8',
);

export const ALGORITHM: Addition = {
  name: 'an algorithm',
  files: {
    'src/algorithms/hashed/spec.ts': double
      .replaceAll("'../../../src/algorithms/", "'../")
      .replaceAll("'../../../src/", "'../../"),
  },
  lines: [
    {
      file: 'src/algorithms/built-in.ts',
      behind: './deepcluster/spec.ts',
      line: "export { HASHED } from './hashed/spec.ts';",
    },
  ],
  trial: `
    import { join } from 'node:path';
    import { makeNoiseImages, runPlain, temporaryFolder } from './test/support/runs/in-process-run.ts';
    import { summaryLines } from './src/cli/summary-table.ts';
    const folder = temporaryFolder();
    try {
      const data = join(folder.path, 'images');
      await makeNoiseImages(data, 40);
      const settings = { algorithm: 'hashed', 'hashed.salt': 5 };
      const summary = await runPlain({ data, out: join(folder.path, 'run'), workers: 2, settings });
      const lines = summaryLines(summary, 'report.html');
      console.log(lines.find((line) => line.startsWith('Hashed')) ?? 'NO LINE OF ITS OWN');
    } finally {
      folder.remove();
    }
  `,
};
