import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Growth } from '../../coordinator/dashboard/growth.ts';
import { METRIC_NAMES, MetricsPage } from '../../coordinator/dashboard/metrics.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { liveState } from '../support/made/live-state.ts';

const NO_COUNTS = { of: () => 0 };

async function scraped(
  state = liveState(),
  counters: Pick<Growth, 'of'> = NO_COUNTS,
): Promise<string> {
  return new MetricsPage().text({ state, counters });
}

test('names keep to the conventions of Prometheus', async () => {
  const text = await scraped();
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
  );
  assert.deepEqual([...types.keys()], METRIC_NAMES);
  for (const [name, type] of types) {
    assert.match(name!, /^deepcluster_[a-z]+(_[a-z]+)*$/);
    assert.equal(name!.endsWith('_total'), type === 'counter', name);
    assert.match(text, new RegExp(`^# HELP ${name!} [A-Z1].*\\.$`, 'm'));
    // Base units alone: no milliseconds, megabytes or percent.
    assert.doesNotMatch(name!, /_(ms|milliseconds|minutes|mb|percent|ratio_total)(_|$)/);
  }
});

test('what is not known has no sample; what is known is written as it is', async () => {
  const unknown = await scraped(liveState({ loss: null, pace: null, byEpoch: [] }));
  assert.doesNotMatch(unknown, /^deepcluster_loss /m);
  assert.doesNotMatch(unknown, /^deepcluster_time_left_seconds /m);
  const text = await scraped(liveState({ loss: 2.5, steps: 12, epochsDone: 3 }));
  assert.match(text, /^deepcluster_loss 2\.5$/m);
  assert.match(text, /^deepcluster_step 12$/m);
  assert.match(text, /^deepcluster_epoch 3$/m);
});

test('a value that is known no more leaves no sample behind', async () => {
  const page = new MetricsPage();
  await page.text({ state: liveState({ loss: 2.5 }), counters: NO_COUNTS });
  const text = await page.text({ state: liveState({ loss: null }), counters: NO_COUNTS });
  assert.doesNotMatch(text, /^deepcluster_loss /m);
});

test('two scrapes of the same counters say the same: nothing is added up', async () => {
  const page = new MetricsPage();
  const counters = { of: (name: string) => (name === 'steps' ? 7 : 0) };
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const text = await page.text({ state: liveState(), counters });
    assert.match(text, /^deepcluster_steps_committed_total 7$/m);
  }
});

test('a counter that goes back to a checkpoint with its run counts on, and never falls', () => {
  const growth = new Growth();
  growth.rebase({ steps: 100 }); // as the checkpoint has it
  growth.note({ steps: 130 });
  growth.note({ steps: 130 });
  assert.equal(growth.of('steps'), 30);
  growth.rebase({ steps: 120 }); // 10 steps are done again
  growth.note({ steps: 145 });
  assert.equal(growth.of('steps'), 30 + 25);
  assert.equal(growth.of('unheard'), 0);
});

test('every metric that the Grafana dashboard asks for is one that there is', () => {
  const dashboard = readFileSync(join(packageRoot(), 'docs', 'grafana.json'), 'utf8');
  const asked = new Set(dashboard.match(/deepcluster_[a-z_]+/g));
  const known = new Set(METRIC_NAMES);
  assert.ok(asked.size > 15);
  assert.deepEqual(
    [...asked].filter((name) => !known.has(name)),
    [],
  );
});

test('the guide names every metric', () => {
  const guide = readFileSync(join(packageRoot(), 'docs', 'watching.md'), 'utf8');
  assert.deepEqual(
    METRIC_NAMES.filter((name) => !guide.includes(`\`${name}\``)),
    [],
  );
});
