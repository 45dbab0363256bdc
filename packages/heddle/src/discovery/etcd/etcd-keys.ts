/**
 * Keys as text. etcd's keys are bytes and its ranges half open, so "all that begins with this" is a pair of keys
 * (https://etcd.io/docs/v3.6/learning/data_model/).
 */

/** A range of keys as requests take it. */
export interface KeyRange {
  readonly key: Uint8Array<ArrayBuffer>;
  /** The first key beyond it. */
  readonly rangeEnd: Uint8Array<ArrayBuffer>;
}

/** All keys that begin with `prefix`; all keys there are for an empty one. */
export function prefixRange(prefix: string): KeyRange {
  if (prefix === "") return { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };
  const key = keyBytes(prefix);
  // UTF-8 has no byte 255, so the last one can always grow.
  const rangeEnd = key.slice();
  rangeEnd[rangeEnd.length - 1] = (rangeEnd.at(-1) ?? 0) + 1;
  return { key, rangeEnd };
}

export function keyBytes(key: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(key);
}

/** Never throws: what is no UTF-8 gets replacement characters, and is nobody's key of ours. */
export function keyText(key: Uint8Array): string {
  return decoder.decode(key);
}

/** The smallest key after this one. */
export function keyAfter(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
