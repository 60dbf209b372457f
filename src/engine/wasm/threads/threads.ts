/** How many threads the wasm backend of this process computes with, and for how long. */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { Lease } from '../../tfjs/scope.ts';
import { giveTeam } from '../backend.ts';
import { createSharedBackend } from './shared-module.ts';
import type { Team } from './team.ts';

const BACKEND_PRIORITY = 2;

/** The use of the backend, with its number of threads, by one who has asked for it. */
export interface WasmLease extends Lease {
  /** The last one to release the backend ends its threads; more than once changes nothing. */
  readonly release: () => Promise<void>;
}

/** The backend as it is registered. */
interface Registered {
  readonly threads: number;
  /** One thread has none. */
  readonly team: Team | null;
  /** Leases that are open. */
  users: number;
  isOpen: boolean;
}

/** The library knows one backend of this name; null before the first lease, and after the last. */
let registered: Registered | null = null;
/** The package's own, of one thread, which is put aside when another takes its place. */
let ownFactory: ReturnType<typeof tf.findBackendFactory> | null = null;

/**
 * Registers the backend for as many threads; one is the package's own backend, unchanged. Where the
 * number changes, the backend and all its tensors go, and leases of before are over. The caller
 * makes it the current one.
 */
export async function leaseWasm(threads: number): Promise<WasmLease> {
  if (registered !== null && registered.threads !== threads) await remove(registered);
  const used = (registered ??= await register(threads));
  used.users += 1;
  let isReleased = false;
  return {
    get isOpen() {
      return used.isOpen && !isReleased;
    },
    release: async () => {
      if (isReleased) return;
      isReleased = true;
      used.users -= 1;
      if (used.users === 0 && used.isOpen) await remove(used);
    },
  };
}

async function register(threads: number): Promise<Registered> {
  ownFactory ??= tf.findBackendFactory('wasm');
  const backend =
    threads === 1 ? ((await ownFactory()) as unknown as BackendWasm) : await createSharedBackend();
  const team = threads === 1 ? null : await giveTeam(backend, threads);
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', () => backend, BACKEND_PRIORITY);
  return { threads, team, users: 0, isOpen: true };
}

/** Leaves the package's own backend in its place, not started. */
async function remove(used: Registered): Promise<void> {
  used.isOpen = false;
  registered = null;
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', ownFactory!, BACKEND_PRIORITY);
  await used.team?.dispose();
}
