/**
 * Imported by a process before all else (`node --import`): no folder is listed while the file that
 * HOLD_LISTING names is there, as a network share that answers slowly has it.
 */
import { existsSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

const { readdir } = promises;
promises.readdir = async (...args) => {
  while (existsSync(process.env.HOLD_LISTING ?? '')) await pause(20);
  return readdir(...args);
};
syncBuiltinESMExports();
