/**
 * Header blocks that were decoded before, found by their octets.
 *
 * A caller that repeats a method sends the same few octets for it again and again. As long as the dynamic
 * table stands still they mean the same list, so decoding becomes a hash and a comparison. Two places for
 * each hash and nothing chained: a peer that aims at collisions wins nothing but misses. A place records
 * the version of the table it was filled at, so that a change of the table clears all in no time.
 */
import type { HeaderBlock } from "./header-block.ts";

/** Blocks longer than this are decoded each time: they rarely repeat, and they would cost memory. */
const MAX_CACHED_BYTES = 512;

export class BlockCache {
  /** Empty until the first block is stored: many connections never repeat one. */
  readonly #places: (Place | undefined)[] = [];
  readonly #mask: number;

  /** @param maxBlocks how many blocks to keep at most; below 2 nothing is kept. */
  constructor(maxBlocks: number) {
    const size = maxBlocks < 2 ? 0 : 2 ** Math.floor(Math.log2(maxBlocks));
    this.#mask = size - 1;
  }

  /** The key for `find` and `store`; -1 when the block is not to be kept. */
  hash(bytes: Uint8Array, start: number, end: number): number {
    if (this.#mask < 0 || end - start > MAX_CACHED_BYTES) return -1;
    let hash = end - start;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    return (hash ^ (hash >>> 15)) & 0x3fffffff;
  }

  find(
    hash: number,
    version: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): HeaderBlock | undefined {
    if (this.#places.length === 0) return undefined;
    const at = hash & this.#mask;
    const first = this.#places[at];
    if (first !== undefined && holds(first, hash, version, bytes, start, end)) return first.block;
    const second = this.#places[at ^ 1];
    if (second !== undefined && holds(second, hash, version, bytes, start, end)) return second.block;
    return undefined;
  }

  store(
    hash: number,
    version: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    block: HeaderBlock,
  ): void {
    while (this.#places.length <= this.#mask) this.#places.push(undefined);
    const at = hash & this.#mask;
    const older = this.#places[at];
    // The newcomer takes the first place, what stood there moves to the second, whose storage is used again.
    const place = this.#places[at ^ 1] ?? { hash, version, bytes: new Uint8Array(0), length: 0, block };
    this.#places[at ^ 1] = older;
    this.#places[at] = place;
    const length = end - start;
    if (place.bytes.length < length) place.bytes = new Uint8Array(Math.max(32, length));
    for (let i = 0; i < length; i++) place.bytes[i] = bytes[start + i] as number;
    place.hash = hash;
    place.version = version;
    place.length = length;
    place.block = block;
  }
}

interface Place {
  hash: number;
  version: number;
  bytes: Uint8Array;
  length: number;
  block: HeaderBlock;
}

function holds(
  place: Place,
  hash: number,
  version: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (place.hash !== hash || place.version !== version || place.length !== end - start) return false;
  const own = place.bytes;
  for (let i = start, j = 0; i < end; i++, j++) {
    if (own[j] !== bytes[i]) return false;
  }
  return true;
}
