/** How many threads the wasm backend of this process computes with. */
import * as tf from '@tensorflow/tfjs';
import { giveTeam } from '../backend.ts';
import { createSharedBackend } from './shared-module.ts';
import type { Team } from './team.ts';

const BACKEND_PRIORITY = 2;

/** Of the backend that is registered now; one thread has none. */
let team: Team | null = null;
/** The package's own, of one thread, which is put aside when another takes its place. */
let ownFactory: ReturnType<typeof tf.findBackendFactory> | null = null;

/**
 * Registers the backend for as many threads; one is the package's own backend, unchanged. Where the number changes, the
 * backend and all its tensors go. The caller makes it the current one.
 */
export async function setWasmThreads(threads: number): Promise<void> {
  if (threads === (team?.threads ?? 1)) return;
  ownFactory ??= tf.findBackendFactory('wasm');
  tf.removeBackend('wasm');
  await team?.dispose();
  team = null;
  if (threads === 1) {
    tf.registerBackend('wasm', ownFactory, BACKEND_PRIORITY);
    return;
  }
  const backend = await createSharedBackend();
  team = await giveTeam(backend, threads);
  tf.registerBackend('wasm', () => backend, BACKEND_PRIORITY);
}
