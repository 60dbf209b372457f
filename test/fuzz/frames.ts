/** What is fuzzed of the wire: every message, the chunks of bulk, and whole exchanges with the services. */
import type { FuzzTarget } from './engine.ts';
import { startBundles, startChunks, startLayouts } from './wire-bulk.ts';
import { startCoordinator, startParameterServer } from './wire-exchanges.ts';
import { startMessages } from './wire-messages.ts';

const MEBIBYTE = 2 ** 20;

export const FRAME_TARGETS: readonly FuzzTarget[] = [
  { name: 'messages', kind: 'frames', weight: 3, memoryBytes: 32 * MEBIBYTE, start: startMessages },
  { name: 'chunks', kind: 'frames', weight: 3, memoryBytes: 32 * MEBIBYTE, start: startChunks },
  { name: 'bundles', kind: 'frames', weight: 1, memoryBytes: 32 * MEBIBYTE, start: startBundles },
  { name: 'layouts', kind: 'frames', weight: 1, memoryBytes: 32 * MEBIBYTE, start: startLayouts },
  {
    ...{ name: 'parameter-server', kind: 'frames', weight: 8 },
    ...{ memoryBytes: 64 * MEBIBYTE, start: startParameterServer },
  },
  {
    ...{ name: 'coordinator', kind: 'frames', weight: 4 },
    ...{ memoryBytes: 64 * MEBIBYTE, start: startCoordinator },
  },
];
