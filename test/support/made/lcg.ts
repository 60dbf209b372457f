/** The generator that the numeric oracles were made with: s <- 1664525 s + 1013904223 mod 2^32, value s / 2^32. */
export function lcg(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `count` values in a row. */
export function lcgArray(seed: number, count: number): Float64Array {
  const next = lcg(seed);
  return Float64Array.from({ length: count }, next);
}
