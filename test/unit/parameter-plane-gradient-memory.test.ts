/** Until when memory that a gradient was lent in stays as it is, where steps overlap. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GradientMemory } from '../../src/parameter-plane/gradient-memory.ts';
import type { WritableSegment } from '../../src/parameter-plane/segment.ts';

/** Memory of this process in place of a segment. */
function privateSegment(elements: number): WritableSegment {
  let sequence = 0;
  return {
    place: { host: 'test', process: 1, descriptor: 0, key: '', elements },
    values: new Float32Array(elements),
    get sequence() {
      return sequence;
    },
    beginWrite: () => {
      sequence += 1 - (sequence % 2);
    },
    endWrite: () => (sequence += sequence % 2),
  };
}

test('a gradient of a step to come stays until that step is applied', () => {
  const memory = new GradientMemory(privateSegment);
  const moment = (version: number) => ({ term: 1, version });
  memory.begin(moment(0), true);
  const ahead = memory.take(8)!;
  memory.lend(ahead, moment(0), 2);
  for (const version of [1, 2]) {
    memory.begin(moment(version), true);
    const next = memory.take(8)!;
    assert.notEqual(next, ahead, `version ${version}: step 2 is not applied`);
    memory.giveBack(next);
  }
  memory.begin(moment(3), true);
  assert.equal(memory.take(8), ahead);
});
