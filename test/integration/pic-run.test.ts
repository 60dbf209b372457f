import { test } from 'node:test';
import { placeForRuns, runPlain, checkpointOf, readLines } from '../support/runs/in-process-run.ts';
const { data, out } = await placeForRuns(60);
test('x', async () => {
  const run = out('one');
  const s = await runPlain({ data, out: run, workers: 2, settings: { 'clustering.method': 'pic', 'clustering.k': 12 } });
  const { files } = await checkpointOf(run);
  console.log(readLines(run, 'events.jsonl').filter((e) => /clusters|phase/.test(String(e['event']))).map((e) => e['reason']));
  console.log(files['clustering']!['centroids']!.shape, files['clustering']!['pseudo-labels']!.data.join(' '), s.clusters, s.finalClusters);
});
