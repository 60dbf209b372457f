/**
 * Fuzzes every decoder that meets the outside: `node --import tsx test/fuzz/run.ts --frames 1000000 --files 10000 [--seed S]`.
 * `--target NAME` takes one of them, and with it `--case N` one case of it, as a found defect says. One line of result on
 * standard output, exit code 1 with a defect.
 */
import { parseArgs } from 'node:util';
import { defectLine, fuzz, type FuzzTarget, type TargetReport } from './engine.ts';
import { TARGETS, inputsOf } from './targets.ts';

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    files: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    case: { type: 'string' },
  },
});

const seed = countOf('seed', values.seed);
const wanted = { frames: countOf('frames', values.frames), files: countOf('files', values.files) };
const reports: TargetReport[] = [];
for (const target of targetsOf(values.target)) {
  reports.push(await fuzzTarget(target));
}
const totals = (['frames', 'files'] as const).map((kind) => {
  const names = new Set(TARGETS.filter((target) => target.kind === kind).map(({ name }) => name));
  const ofKind = reports.filter(({ target }) => names.has(target));
  return `${sum(ofKind, 'inputs')} ${kind} (${sum(ofKind, 'accepted')} taken as valid)`;
});
const defects = reports.flatMap((report) => report.defects);
for (const defect of defects) process.stderr.write(`${defectLine(seed, defect)}\n`);
const seconds = sum(reports, 'seconds').toFixed(0);
process.stdout.write(
  `fuzzing, seed ${seed}: ${totals.join(', ')} in ${seconds} s, ${defects.length} defects\n`,
);
process.exit(defects.length === 0 ? 0 : 1);

function targetsOf(name: string | undefined): readonly FuzzTarget[] {
  if (name === undefined) return TARGETS;
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (target === undefined)
    fail(`--target ${name}: must be one of ${TARGETS.map((t) => t.name).join(', ')}`);
  return [target];
}

async function fuzzTarget(target: FuzzTarget): Promise<TargetReport> {
  const only = values.case === undefined ? {} : { case: countOf('case', values.case) };
  const inputs = values.target === undefined ? inputsOf(target, wanted) : wanted[target.kind];
  let told = performance.now();
  const report = await fuzz(target, {
    ...{ seed, inputs, ...only },
    onProgress: (done) => {
      if (performance.now() - told < 5_000) return;
      told = performance.now();
      process.stderr.write(`${target.name}: ${done} of ${inputs} ${target.kind}\n`);
    },
  });
  process.stderr.write(
    `${target.name}: ${report.inputs} ${target.kind} in ${report.cases} cases, ` +
      `${report.accepted} taken as valid, ${report.seconds.toFixed(1)} s, ` +
      `slowest case ${report.slowestMs.toFixed(0)} ms, ${report.defects.length} defects\n`,
  );
  return report;
}

function countOf(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0) fail(`--${name} ${text}: must be a whole number`);
  return count;
}

function sum(of: readonly TargetReport[], field: 'inputs' | 'accepted' | 'seconds'): number {
  return of.reduce((total, report) => total + report[field], 0);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
