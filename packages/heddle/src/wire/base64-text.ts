/**
 * Base64 of a body that comes and goes in pieces (`application/grpc-web-text`).
 *
 * Whoever writes such a body may end a segment with padding wherever a message ends, and a reader gets the text cut
 * anywhere. So the decoder keeps the up to three characters of a group that is not whole, and starts a new group
 * after padding.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md ("Content-Type": application/grpc-web-text).
 */
export class Base64Decoder {
  #bits = 0;
  /** Characters of the group that is not whole, 0 to 3. */
  #have = 0;
  /** Padding that must still come. */
  #padding = 0;

  /** Takes the characters in `text[from, to)`. Undefined when one of them cannot be there; then the decoder is done. */
  push(text: Uint8Array, from: number, to: number): Uint8Array | undefined {
    const bytes = new Uint8Array(Math.ceil(((this.#have + to - from) * 3) / 4));
    let length = 0;
    for (let at = from; at < to; at++) {
      const character = text[at] as number;
      if (character === PAD) {
        if (this.#padding > 0) this.#padding--;
        else if (this.#have < 2) return undefined;
        else {
          length = this.#endSegment(bytes, length);
          if (length < 0) return undefined;
        }
        continue;
      }
      const sextet = VALUES[character] as number;
      if (sextet === INVALID || this.#padding > 0) return undefined;
      this.#bits = (this.#bits << 6) | sextet;
      if (++this.#have < 4) continue;
      bytes[length++] = this.#bits >>> 16;
      bytes[length++] = this.#bits >>> 8;
      bytes[length++] = this.#bits;
      this.#bits = 0;
      this.#have = 0;
    }
    return bytes.subarray(0, length);
  }

  /** True when the text may end here: no group is half there. */
  get isAtBoundary(): boolean {
    return this.#have === 0 && this.#padding === 0;
  }

  /** Writes the bytes of a group that padding ends; -1 when it has bits that no byte has. */
  #endSegment(bytes: Uint8Array, at: number): number {
    let length = at;
    if (this.#have === 2) {
      if ((this.#bits & 0xf) !== 0) return -1;
      bytes[length++] = this.#bits >>> 4;
      this.#padding = 1;
    } else {
      if ((this.#bits & 0x3) !== 0) return -1;
      bytes[length++] = this.#bits >>> 10;
      bytes[length++] = this.#bits >>> 2;
    }
    this.#bits = 0;
    this.#have = 0;
    return length;
  }
}

/** One whole segment of text, with padding. */
export function encodeBase64(bytes: Uint8Array): Uint8Array {
  const text = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group =
      ((bytes[at] as number) << 16) |
      (left > 1 ? (bytes[at + 1] as number) << 8 : 0) |
      (left > 2 ? (bytes[at + 2] as number) : 0);
    text[length++] = CHARACTERS[group >>> 18] as number;
    text[length++] = CHARACTERS[(group >>> 12) & 63] as number;
    text[length++] = left > 1 ? (CHARACTERS[(group >>> 6) & 63] as number) : PAD;
    text[length++] = left > 2 ? (CHARACTERS[group & 63] as number) : PAD;
  }
  return text;
}

const PAD = 0x3d; // =
const INVALID = 0xff;
const CHARACTERS = Uint8Array.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
  (character) => character.charCodeAt(0),
);
const VALUES = new Uint8Array(256).fill(INVALID);
for (const [value, character] of CHARACTERS.entries()) VALUES[character] = value;
