import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAMAGED, SkipLog, type SkippedImage } from '../../coordinator/images/skip-log.ts';
import { shownLine } from '../../src/launch/child-log.ts';
import { createLogger, type Logger } from '../../src/telemetry/logger.ts';

/**
 * What a terminal shows, and all lines of the log, after batches of so many images that cannot be
 * read.
 */
async function told(
  batches: readonly number[],
  make: (logger: Logger) => SkipLog = (logger) => new SkipLog(logger),
): Promise<{ shown: string[]; lines: string[] }> {
  const lines: string[] = [];
  const logger = createLogger({
    component: 'coordinator',
    level: 'info',
    write: (line) => lines.push(line.trimEnd()),
  });
  const skips = make(logger);
  let next = 0;
  for (const batch of batches) {
    skips.note(
      Array.from({ length: batch }, (): SkippedImage => {
        return { path: `caf\\xe9-${next++}.jpg`, reason: 'the file is empty' };
      }),
    );
  }
  await logger.close();
  const shown = lines.map((line) => shownLine('coordinator', line, null));
  return { shown: shown.filter((line) => line !== null), lines };
}

const named = (index: number): string =>
  `coordinator warn image.skipped: caf\\xe9-${index}.jpg: the file is empty`;
const counted = (count: number): string =>
  `coordinator warn images.skipped: ${count} images so far cannot be read and are left out; unreadable.csv in the run's folder names them`;

test('a few unreadable images are all named with their reasons', async () => {
  const { shown } = await told([2, 0, 3]);
  assert.deepEqual(shown, [0, 1, 2, 3, 4].map(named));
});

test('of many the first five are named, the others counted, and all are in the log', async () => {
  const { shown, lines } = await told([3, 4, 0, 1, 6, 0, 400]);
  // 3; 7, the first beyond five; 8 is not twice 7, 14 is; 414
  assert.deepEqual(shown, [...[0, 1, 2, 3, 4].map(named), counted(7), counted(14), counted(414)]);
  assert.equal(lines.filter((line) => line.includes('"image.skipped"')).length, 414);
});

test('damaged images are told likewise, in words of their own', async () => {
  const { shown } = await told([1, 5], (logger) => new SkipLog(logger, DAMAGED));
  assert.equal(shown[0], 'coordinator warn image.damaged: caf\\xe9-0.jpg: the file is empty');
  assert.equal(
    shown.at(-1),
    "coordinator warn images.damaged: 6 images so far are damaged and take part as far as they can be decoded; damaged.csv in the run's folder names them",
  );
});
