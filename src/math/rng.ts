/**
 * Seeded randomness: streams that are the same on every machine, named by their parts, so that what
 * is drawn depends on what it is for and never on who draws it or when; and the Mersenne Twister,
 * for parity with faiss' choices. Sources: xoshiro128** (Blackman and Vigna 2018); FNV-1a and the
 * murmur3 finaliser for seeding; MT19937 (Matsumoto and Nishimura 1998).
 */

/** A stream of random numbers. */
export interface Rng {
  /** Uniform on 0 .. 2^32 - 1. */
  uint32(): number;
  /** Uniform on [0, 1), 53 bits. */
  float(): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** Uniform on 0 .. n - 1, without modulo bias. @param n 1 .. 2^32 */
  integer(n: number): number;
}

/**
 * The stream that these parts name: `seededRng(seed, 'view', epoch, id)`. Numbers and texts are
 * told apart.
 */
export function seededRng(...parts: readonly (string | number)[]): Rng {
  const state = seededState(...parts);
  return rngOf(() => nextXoshiro(state));
}

/** Four words: where that stream begins, for a kernel that draws it by itself. */
export function seededState(...parts: readonly (string | number)[]): Uint32Array<ArrayBuffer> {
  const text = JSON.stringify(parts);
  const state = Uint32Array.from({ length: 4 }, (_, word) => hashText(text, word));
  if (state.every((word) => word === 0)) state[0] = 1;
  return state;
}

/** MT19937, 32 bits a draw. */
export class Mt19937 {
  /** The last 624 outputs before tempering. */
  readonly #state = new Uint32Array(624);
  /** Outputs used of #state; at 624 the next block is made. */
  #used = 624;

  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < 624; i += 1) {
      const previous = state[i - 1]!;
      state[i] = Math.imul(1_812_433_253, previous ^ (previous >>> 30)) + i;
    }
  }

  uint32(): number {
    if (this.#used === 624) this.#twist();
    let y = this.#state[this.#used]!;
    this.#used += 1;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < 624; i += 1) {
      const y = (state[i]! & 0x8000_0000) | (state[(i + 1) % 624]! & 0x7fff_ffff);
      state[i] = state[(i + 397) % 624]! ^ (y >>> 1) ^ (y % 2 === 0 ? 0 : 0x9908_b0df);
    }
    this.#used = 0;
  }
}

/** Fisher-Yates, from the end; every order equally likely. */
export function shuffleInPlace(values: Int32Array | number[], rng: Rng): void {
  for (let i = values.length - 1; i > 0; i -= 1) {
    const j = rng.integer(i + 1);
    const other = values[j]!;
    values[j] = values[i]!;
    values[i] = other;
  }
}

function rngOf(uint32: () => number): Rng {
  let spare: number | null = null;
  const float = (): number => (uint32() * 2 ** 21 + (uint32() >>> 11)) / 2 ** 53;
  return {
    uint32,
    float,
    normal: () => {
      if (spare !== null) {
        const value = spare;
        spare = null;
        return value;
      }
      // 1 - float() lies in (0, 1]: its logarithm is finite.
      const radius = Math.sqrt(-2 * Math.log(1 - float()));
      const angle = 2 * Math.PI * float();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    integer: (n) => {
      const limit = 2 ** 32 - (2 ** 32 % n);
      for (;;) {
        const draw = uint32();
        if (draw < limit) return draw % n;
      }
    },
  };
}

/**
 * FNV-1a over UTF-16 units with a start of its own for each word, then mixed so that near texts are
 * far apart.
 */
function hashText(text: string, word: number): number {
  let hash = 0x811c_9dc5 ^ Math.imul(word + 1, 0x9e37_79b9);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x0100_0193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x0100_0193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function nextXoshiro(state: Uint32Array): number {
  const s1 = state[1]!;
  const scrambled = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
  state[2] = state[2]! ^ state[0]!;
  state[3] = state[3]! ^ s1;
  state[1] = s1 ^ state[2];
  state[0] = state[0]! ^ state[3];
  state[2] = state[2] ^ (s1 << 9);
  state[3] = rotateLeft(state[3], 11);
  return scrambled;
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
