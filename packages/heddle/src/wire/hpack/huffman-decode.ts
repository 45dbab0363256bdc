/**
 * Huffman decoding (RFC 7541 §5.2), strict about what may follow the last symbol.
 *
 * The next ten bits index a table that gives the symbol and its length: that covers nearly all of what
 * headers consist of. Longer codes are found by comparing thirty bits with the last code of each length,
 * which a canonical code allows. Where the input ends, missing bits read as ones, the prefix of EOS.
 */
import { failCompression } from "./hpack-error.ts";
import {
  CODE_BITS,
  CODES,
  CODES_OF_LENGTH,
  EOS,
  FIRST_CODE,
  MAX_CODE_BITS,
  SYMBOLS_BY_CODE,
} from "./huffman-code.ts";

const PEEK_BITS = 10;

/** By the next ten bits: symbol in the low byte, code length above it; 0 when the code is longer. */
const SHORT_CODES = buildShortCodes();

/** By length: the first thirty-bit window that belongs to a longer code. */
const WINDOW_LIMIT = buildWindowLimits();

/** By length: what to add to a code to find its place in SYMBOLS_BY_CODE. */
const SYMBOL_OFFSET = buildSymbolOffsets();

/** The most octets that `encodedBytes` octets can decode to: the shortest code has five bits. */
export function maxDecodedBytes(encodedBytes: number): number {
  return Math.floor((encodedBytes * 8) / 5);
}

/**
 * Decodes bytes[start,end) into `target` from `at` on and returns the position after the last octet. The
 * caller has made room for `maxDecodedBytes`.
 * @throws HpackError (compression) on EOS, on padding longer than seven bits or not all ones.
 */
export function huffmanDecode(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  // The low `held` bits of `window` are unread input.
  let window = 0;
  let held = 0;
  let next = start;
  for (;;) {
    while (held <= 24 && next < end) {
      window = (window << 8) | (bytes[next++] as number);
      held += 8;
    }
    const peek =
      held >= PEEK_BITS
        ? (window >>> (held - PEEK_BITS)) & 0x3ff
        : ((window << (PEEK_BITS - held)) | (0x3ff >>> held)) & 0x3ff;
    const short = SHORT_CODES[peek] as number;
    const bits = short >>> 8;
    if (bits !== 0 && bits <= held) {
      target[at++] = short;
      held -= bits;
      continue;
    }
    if (bits !== 0 || held < PEEK_BITS) {
      // The input ends inside a code. Fewer than eight ones are padding; all else is an error.
      const rest = (1 << held) - 1;
      if (held > 7 || (window & rest) !== rest) failCompression("Huffman padding is wrong");
      return at;
    }
    const missing = MAX_CODE_BITS - held;
    let wide: number;
    if (missing <= 0) wide = (window >>> -missing) & 0x3fffffff;
    else {
      // `held` exceeds 24 here unless the input is used up, so one more octet always completes the window.
      const fill = next < end ? (bytes[next] as number) >>> (8 - missing) : (1 << missing) - 1;
      wide = ((window & ((1 << held) - 1)) << missing) | fill;
    }
    let length = PEEK_BITS + 1;
    while (wide >= (WINDOW_LIMIT[length] as number)) length++;
    const symbol = SYMBOLS_BY_CODE[
      (SYMBOL_OFFSET[length] as number) + (wide >>> (MAX_CODE_BITS - length))
    ] as number;
    if (symbol === EOS) failCompression("Huffman string contains EOS");
    held -= length;
    if (held < 0) {
      if (next === end) failCompression("Huffman padding is wrong");
      window = bytes[next++] as number;
      held += 8;
    }
    target[at++] = symbol;
  }
}

function buildShortCodes(): Uint16Array {
  const table = new Uint16Array(1 << PEEK_BITS);
  for (let symbol = 0; symbol < EOS; symbol++) {
    const bits = CODE_BITS[symbol] as number;
    if (bits > PEEK_BITS) continue;
    const spare = PEEK_BITS - bits;
    const first = (CODES[symbol] as number) << spare;
    table.fill((bits << 8) | symbol, first, first + (1 << spare));
  }
  return table;
}

function buildWindowLimits(): Uint32Array {
  return Uint32Array.from(
    FIRST_CODE,
    (first, bits) => (first + (CODES_OF_LENGTH[bits] as number)) * 2 ** (MAX_CODE_BITS - bits),
  );
}

function buildSymbolOffsets(): Int32Array {
  let before = 0;
  return Int32Array.from(FIRST_CODE, (first, bits) => {
    const offset = before - first;
    before += CODES_OF_LENGTH[bits] as number;
    return offset;
  });
}
