/** Abort signals for the simulation: the platform's `any` keeps account of weak references, which costs more than a call. */

/** Is never given. */
export const STILL = new AbortController().signal;

/** What was made of two signals before. */
const made = new WeakMap<AbortSignal, WeakMap<AbortSignal, AbortSignal>>();

/** What AbortSignal.any does. Asked for the same signals again, it answers with the same one. */
export function anyOf(signals: Iterable<AbortSignal>): AbortSignal {
  let either = STILL;
  for (const signal of signals) either = eitherOf(either, signal);
  return either;
}

function eitherOf(one: AbortSignal, other: AbortSignal): AbortSignal {
  if (other === STILL || one === other || one.aborted) return one;
  if (one === STILL || other.aborted) return other;
  const known = made.get(one)?.get(other);
  if (known !== undefined) return known;
  const either = new AbortController();
  for (const signal of [one, other]) {
    const pass = (): void => {
      either.abort(signal.reason);
    };
    signal.addEventListener('abort', pass, { once: true });
  }
  const ofOne = made.get(one) ?? new WeakMap<AbortSignal, AbortSignal>();
  made.set(one, ofOne.set(other, either.signal));
  return either.signal;
}
