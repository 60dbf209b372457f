/** A part of what `run.ts` does, with fixed seeds, for every change; a defect prints how to see it again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defectLine, fuzz } from './engine.ts';
import { TARGETS, inputsOf } from './targets.ts';

const SEED = 20_260_131;
const INPUTS = { frames: 60_000, files: 1_200 };

for (const target of TARGETS) {
  const inputs = inputsOf(target, INPUTS);
  test(`${target.name}: ${inputs} spoiled ${target.kind} harm nothing`, async () => {
    const report = await fuzz(target, { seed: SEED, inputs });
    assert.deepEqual(
      report.defects.map((defect) => defectLine(SEED, defect)),
      [],
    );
    assert.ok(report.inputs >= inputs);
    // Some are valid still: what is fuzzed lies near what is read, behind the first check.
    assert.ok(report.accepted > 0 && report.accepted < report.inputs);
  });
}
