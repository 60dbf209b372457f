/**
 * The simulation as a command: `node --import tsx test/simulation/run.ts --schedules 200000` soaks; a schedule that fails names
 * its seed, and `--seed 1234 --trace` plays it again with every event.
 */
import { parseArgs } from 'node:util';
import { runSchedule, type ScheduleResult } from './schedules.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    first: { type: 'string', default: '0' },
    schedules: { type: 'string', default: '1000' },
    trace: { type: 'boolean', default: false },
    /** Goes on after a failure. */
    all: { type: 'boolean', default: false },
  },
});

const first = Number(values.seed ?? values.first);
const schedules = values.seed === undefined ? Number(values.schedules) : 1;
const startedMs = process.cpuUsage();
const totals: Record<string, number> = {};
let failures = 0;
let done = 0;
let events = 0;
for (let seed = first; seed < first + schedules; seed += 1) {
  const result = await runSchedule(seed, values.trace ? (line) => console.log(line) : undefined);
  done += 1;
  events += result.events;
  for (const [what, count] of Object.entries(result.counts))
    totals[what] = (totals[what] ?? 0) + count;
  if (result.failure === null) continue;
  failures += 1;
  report(result);
  if (!values.all) break;
}
const { user, system } = process.cpuUsage(startedMs);
console.log(
  JSON.stringify({
    schedules: done,
    failures,
    events,
    cpuSeconds: (user + system) / 1e6,
    counts: totals,
  }),
);
process.exitCode = failures === 0 ? 0 : 1;

function report({ seed, failure, scenario, virtualMs }: ScheduleResult): void {
  console.log(
    `schedule ${seed} (${scenario.algorithm}, ${scenario.servers} servers): ${failure ?? ''}`,
  );
  console.log(
    `  after ${virtualMs.toFixed(0)} ms; again with: node --import tsx test/simulation/run.ts --seed ${seed} --trace`,
  );
}
