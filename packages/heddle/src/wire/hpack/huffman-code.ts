/**
 * The Huffman code of HPACK (RFC 7541, appendix B).
 *
 * The code is canonical: codes of one length are consecutive numbers in the order of their symbols, and
 * the first code of a length follows from the last code of the length before. The lengths therefore say
 * everything, and the codes are computed from them when the module loads.
 */

/** The symbol that must never appear in a string; its code, all ones, is where padding is taken from. */
export const EOS = 256;

/** Length in bits of the longest code. */
export const MAX_CODE_BITS = 30;

/** Code length in bits for each octet, 16 a row, and for EOS at place 256. */
export const CODE_BITS: Uint8Array = Uint8Array.from(
  `
  13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28
  28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
  6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6
  5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
  13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7
  7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
  15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5
  6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
  20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23
  24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
  22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23
  21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
  26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25
  19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
  20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23
  26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
  30
  `
    .trim()
    .split(/\s+/),
  Number,
);

/** Number of codes of each length, by length. */
export const CODES_OF_LENGTH: Uint16Array = countCodes();

/** The numerically first code of each length, by length. */
export const FIRST_CODE: Uint32Array = findFirstCodes();

/** The symbols in the order of their codes: by length, then by value. */
export const SYMBOLS_BY_CODE: Uint16Array = sortSymbols();

/** The code of each symbol, right aligned. */
export const CODES: Uint32Array = assignCodes();

function countCodes(): Uint16Array {
  const counts = new Uint16Array(MAX_CODE_BITS + 1);
  for (const bits of CODE_BITS) counts[bits] = (counts[bits] as number) + 1;
  return counts;
}

function findFirstCodes(): Uint32Array {
  const first = new Uint32Array(MAX_CODE_BITS + 1);
  let code = 0;
  for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
    code = (code + (CODES_OF_LENGTH[bits - 1] as number)) * 2;
    first[bits] = code;
  }
  return first;
}

function sortSymbols(): Uint16Array {
  const symbols = Uint16Array.from(CODE_BITS, (_bits, symbol) => symbol);
  return symbols.sort((a, b) => (CODE_BITS[a] as number) - (CODE_BITS[b] as number) || a - b);
}

function assignCodes(): Uint32Array {
  const codes = new Uint32Array(CODE_BITS.length);
  const next = FIRST_CODE.slice();
  for (const symbol of SYMBOLS_BY_CODE) {
    const bits = CODE_BITS[symbol] as number;
    codes[symbol] = next[bits] as number;
    next[bits] = (next[bits] as number) + 1;
  }
  return codes;
}
