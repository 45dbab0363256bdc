/**
 * Randomness as a seam: balancing and jitter draw from a `Random` that is handed in, so that a test or a
 * simulation with a seed replays the same choices. Not for secrets: keys, nonces and ids that must not be
 * guessed come from `node:crypto`.
 */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [0, n). `n` is an integer from 1 to 2^32. */
  below(n: number): number;
}

/** The generator of the process, seeded by the engine. */
export const systemRandom: Random = {
  next: () => Math.random(),
  below: (n) => Math.floor(Math.random() * n),
};

/**
 * A generator that gives the same sequence for the same seed, on every machine.
 *
 * sfc32 ("small fast counter", Chris Doty-Humphrey, PractRand): 128 bits of state, a period of at least 2^32.
 * The seed is spread over the state with splitmix32, so that neighbouring seeds give unrelated sequences.
 */
export function createSeededRandom(seed: number): Random {
  const spread = splitmix32(seed);
  let a = spread();
  let b = spread();
  let c = spread();
  let counter = 1;

  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  for (let i = 0; i < 12; i++) next();
  return { next, below: (n) => Math.floor(next() * n) };
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
}
