/**
 * The open streams of a connection, by id.
 *
 * Not a `Map`: V8's hash tables, when they are rehashed after many insertions and deletions, leave behind the
 * old table linked to the new one. Once one of them is in the old generation it keeps all that follow, with
 * the streams they held, through every young collection; measured, 60 % of what calls allocate survived that
 * way. Ids go up one by one, so an array indexed by the id's low bits does. A stream that lives so long that
 * its place comes round again moves to a side table.
 */
import type { Http2Stream } from "./stream.ts";

const INITIAL_SLOTS = 64;
const MAX_SLOTS = 4096;

export class StreamTable {
  #slots: (Http2Stream | undefined)[] = emptySlots(INITIAL_SLOTS);
  #mask = INITIAL_SLOTS - 1;
  /** Streams whose place was needed by a younger one. */
  #old: Map<number, Http2Stream> | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Http2Stream | undefined {
    const stream = this.#slots[(id >>> 1) & this.#mask];
    if (stream !== undefined && stream.id === id) return stream;
    return this.#old === undefined ? undefined : this.#old.get(id);
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  /** Adds a stream with an id that is not in the table. */
  add(stream: Http2Stream): void {
    if (this.#size * 2 >= this.#slots.length && this.#slots.length < MAX_SLOTS) this.#grow();
    this.#size++;
    this.#place(stream);
  }

  delete(id: number): void {
    const slot = (id >>> 1) & this.#mask;
    if (this.#slots[slot]?.id === id) this.#slots[slot] = undefined;
    else if (this.#old?.delete(id) !== true) return;
    this.#size--;
  }

  /** All streams, in no particular order. */
  *values(): Generator<Http2Stream, void, undefined> {
    for (const stream of this.#slots) if (stream !== undefined) yield stream;
    if (this.#old !== undefined) yield* this.#old.values();
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#old = undefined;
    this.#size = 0;
  }

  #place(stream: Http2Stream): void {
    const slot = (stream.id >>> 1) & this.#mask;
    const present = this.#slots[slot];
    if (present !== undefined) {
      this.#old ??= new Map();
      this.#old.set(present.id, present);
    }
    this.#slots[slot] = stream;
  }

  #grow(): void {
    const streams = [...this.values()].sort((a, b) => a.id - b.id);
    const length = this.#slots.length * 2;
    this.#slots = emptySlots(length);
    this.#mask = length - 1;
    this.#old = undefined;
    for (const stream of streams) this.#place(stream);
  }
}

function emptySlots(length: number): (Http2Stream | undefined)[] {
  return Array.from({ length }, () => undefined);
}
