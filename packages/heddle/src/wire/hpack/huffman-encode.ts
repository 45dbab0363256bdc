/**
 * Huffman coding of strings (RFC 7541 §5.2): measure first, write only when it is shorter.
 */
import { CODE_BITS, CODES } from "./huffman-code.ts";

/**
 * Octets that `text` takes when Huffman coded.
 * @throws TypeError when a character is above 255: a header value is octets, so callers percent-encode.
 */
export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i);
    if (octet > 255) throw new TypeError(`a header field cannot carry the character at position ${i}`);
    bits += CODE_BITS[octet] as number;
  }
  return (bits + 7) >>> 3;
}

/**
 * Writes the Huffman form of `text` into `target` from `at` on and returns the position after it. The
 * caller has measured it with `huffmanBytes` and made room.
 */
export function huffmanEncode(text: string, target: Uint8Array, at: number): number {
  // The low `held` bits of `pending` are still to be written; at most seven between two characters.
  let pending = 0;
  let held = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i);
    let code = CODES[octet] as number;
    let bits = CODE_BITS[octet] as number;
    if (bits > 24) {
      // 7 + 30 bits do not fit an int32: the high part goes first.
      bits -= 16;
      pending = (pending << bits) | (code >>> 16);
      held += bits;
      while (held >= 8) target[at++] = pending >>> (held -= 8);
      code &= 0xffff;
      bits = 16;
    }
    pending = (pending << bits) | code;
    held += bits;
    while (held >= 8) target[at++] = pending >>> (held -= 8);
  }
  if (held > 0) target[at++] = (pending << (8 - held)) | (0xff >>> held);
  return at;
}
