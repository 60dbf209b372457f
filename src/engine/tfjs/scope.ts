/**
 * The tensor library has one current backend for the whole process. Here alone is it set: an engine
 * over a backend makes it current for as long as its work runs, and the work around it finds its
 * own backend as it left it. Between two scopes the last one's backend stays, so that a process
 * with one engine never changes it.
 */
import * as tf from '@tensorflow/tfjs';
import { engineUnavailable, messageOf } from '../../errors.ts';

/** The backend of the innermost scope that runs; null outside of all. */
let innermost: string | null = null;

/** Whether an engine may still be asked. */
export interface Lease {
  readonly isOpen: boolean;
}

/**
 * Does synchronous work with a started backend as the current one.
 * @throws TypeError where the engine was closed, and for work that goes on after it has returned
 */
export function withinBackend<T>(name: string, lease: Lease, work: () => T): T {
  if (!lease.isOpen) throw new TypeError(`the engine ${name} was closed`);
  const outer = innermost;
  makeCurrent(name);
  innermost = name;
  try {
    const result = work();
    if (result instanceof Promise) {
      throw new TypeError('work on an engine must be synchronous: another may be asked meanwhile');
    }
    return result;
  } finally {
    innermost = outer;
    if (outer !== null) makeCurrent(outer);
  }
}

function makeCurrent(name: string): void {
  if (tf.getBackend() === name) return;
  // Of a backend that has been started, this is done when the call returns; the promise is for
  // others.
  void tf.setBackend(name);
}

/**
 * Starts a backend and leaves it as the current one, in one go: work on another engine may come
 * between what is awaited here. Makes sure, since TensorFlow.js falls back to its slow reference
 * backend without a word.
 * @param prepare registers the backend, ready to be used at once
 * @returns what `prepare` gave
 * @throws TrainerError ENGINE_UNAVAILABLE
 */
export async function startBackend<T>(
  name: string,
  remedy: string,
  prepare: () => T | Promise<T>,
): Promise<T> {
  let prepared: T;
  let isSet: boolean;
  try {
    prepared = await prepare();
    isSet = await tf.setBackend(name);
  } catch (cause) {
    throw engineUnavailable(name, `did not start: ${messageOf(cause)}`, remedy, cause);
  }
  if (!isSet) {
    throw engineUnavailable(name, `TensorFlow.js chose ${tf.getBackend()} in its place`, remedy);
  }
  return prepared;
}
