/**
 * A 32-bit hash of a string, for keys of calls and ids of instances: XXH32 (Collet, xxHash specification 0.1.1) over
 * the string's UTF-16 code units, low byte first. Strings are hashed as they lie in memory, without encoding them.
 * Good enough to spread keys and to place instances; not for keys that an attacker chooses to collide, nor the XXH64
 * of gRPC and Envoy: the placement of a ring is ours.
 */
export function hashKey(text: string, seed = 0): number {
  const { length } = text;
  let at = 0;
  let hash: number;
  if (length >= 8) {
    let a = (seed + prime1 + prime2) | 0;
    let b = (seed + prime2) | 0;
    let c = seed | 0;
    let d = (seed - prime1) | 0;
    for (; at <= length - 8; at += 8) {
      a = round(a, wordAt(text, at));
      b = round(b, wordAt(text, at + 2));
      c = round(c, wordAt(text, at + 4));
      d = round(d, wordAt(text, at + 6));
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  } else {
    hash = (seed + prime5) | 0;
  }
  hash = (hash + length * 2) | 0;
  for (; at <= length - 2; at += 2) hash = mixWord(hash, wordAt(text, at));
  if (at < length) {
    const unit = text.charCodeAt(at);
    hash = mixByte(mixByte(hash, unit & 0xff), unit >>> 8);
  }
  return avalanche(hash);
}

/** Another hash from a hash: as many as are needed by another seed each. */
export function rehash(hash: number, seed: number): number {
  return avalanche(mixWord((seed + prime5 + 4) | 0, hash | 0));
}

const prime1 = 0x9e3779b1 | 0;
const prime2 = 0x85ebca77 | 0;
const prime3 = 0xc2b2ae3d | 0;
const prime4 = 0x27d4eb2f | 0;
const prime5 = 0x165667b1 | 0;

/** Two code units as four bytes. */
function wordAt(text: string, at: number): number {
  return text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function round(lane: number, word: number): number {
  return Math.imul(rotate((lane + Math.imul(word, prime2)) | 0, 13), prime1);
}

function mixWord(hash: number, word: number): number {
  return Math.imul(rotate((hash + Math.imul(word, prime3)) | 0, 17), prime4);
}

function mixByte(hash: number, byte: number): number {
  return Math.imul(rotate((hash + Math.imul(byte, prime5)) | 0, 11), prime1);
}

function avalanche(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 15), prime2);
  mixed = Math.imul(mixed ^ (mixed >>> 13), prime3);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
