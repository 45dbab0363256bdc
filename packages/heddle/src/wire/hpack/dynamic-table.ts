/**
 * The dynamic table (RFC 7541 §2.3.2 and §4): a queue of the last fields, bounded in bytes.
 *
 * Both directions use it. It is a ring whose capacity is a power of two: an entry keeps its place from
 * insertion to eviction, nothing is ever shifted, and a field's sequence number (how many were inserted
 * before it) is a stable name for it that encoders keep in their maps.
 */
import type { HeaderField } from "./header-field.ts";

export class DynamicTable {
  /** Upper bound of `bytes`. */
  maxBytes: number;
  /** Sum of the sizes of the entries. */
  bytes = 0;
  /** Entries present. */
  count = 0;
  /** Entries ever inserted; the newest one has sequence number `inserted - 1`. */
  inserted = 0;
  /** Grows with each insertion, eviction and change of the bound: while it stands still, the table does. */
  version = 0;

  #ring: (HeaderField | undefined)[] = [];
  #mask = 15;
  readonly #evicted: ((field: HeaderField, sequence: number) => void) | undefined;

  constructor(maxBytes: number, evicted?: (field: HeaderField, sequence: number) => void) {
    this.maxBytes = maxBytes;
    this.#evicted = evicted;
  }

  /** The field `age` insertions before the newest one; undefined when that is outside the table. */
  get(age: number): HeaderField | undefined {
    return age < this.count ? this.#ring[(this.inserted - 1 - age) & this.#mask] : undefined;
  }

  /** Evicts until the field fits, then adds it. The field must not be larger than the table. */
  insert(field: HeaderField): void {
    this.#evictUntil(this.maxBytes - field.bytes);
    if (this.count > this.#mask) this.#grow();
    this.#ring[this.inserted & this.#mask] = field;
    this.inserted++;
    this.count++;
    this.bytes += field.bytes;
    this.version++;
  }

  /** Evicts everything: what adding a field larger than the table comes to (§4.4). */
  clear(): void {
    this.#evictUntil(0);
  }

  /** Changes the bound and evicts what no longer fits (§4.3). */
  resize(maxBytes: number): void {
    if (maxBytes === this.maxBytes) return;
    this.maxBytes = maxBytes;
    this.version++;
    this.#evictUntil(maxBytes);
  }

  #evictUntil(bytes: number): void {
    while (this.count > 0 && this.bytes > bytes) {
      const sequence = this.inserted - this.count;
      const field = this.#ring[sequence & this.#mask] as HeaderField;
      this.#ring[sequence & this.#mask] = undefined;
      this.count--;
      this.bytes -= field.bytes;
      this.version++;
      this.#evicted?.(field, sequence);
    }
  }

  #grow(): void {
    const mask = this.#mask * 2 + 1;
    const ring: (HeaderField | undefined)[] = Array.from({ length: mask + 1 });
    for (let sequence = this.inserted - this.count; sequence < this.inserted; sequence++) {
      ring[sequence & mask] = this.#ring[sequence & this.#mask];
    }
    this.#ring = ring;
    this.#mask = mask;
  }
}
