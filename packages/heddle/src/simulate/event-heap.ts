/**
 * What is to happen, in the order of time, and of adding where times are equal: the one source of order in a
 * simulation. Times are whole nanoseconds, so that no rounding decides who is first. Columns of typed arrays and
 * reused slots: neither adding nor taking allocates, which is most of what makes the simulator fast.
 */
export interface EventHeap {
  readonly size: number;
  /** Time of the first, in nanoseconds; Infinity when there is none. */
  readonly nextNs: number;
  add(atNs: number, kind: number, a: number, b: number): void;
  /** Takes the first; what it was stands in `kind`, `a` and `b` until the next take. */
  take(): void;
  readonly kind: number;
  readonly a: number;
  readonly b: number;
}

export function createEventHeap(): EventHeap {
  return new FourWayHeap();
}

/** A heap with four children per node: half the depth of a binary one, and the children share a cache line. */
class FourWayHeap implements EventHeap {
  size = 0;
  kind = 0;
  a = 0;
  b = 0;
  #added = 0;
  #times = new Float64Array(1024);
  #slots = new Int32Array(1024);
  #orders = new Float64Array(1024);
  #kinds = new Uint8Array(1024);
  #as = new Int32Array(1024);
  #bs = new Int32Array(1024);
  #free = Int32Array.from({ length: 1024 }, (_, slot) => slot);

  get nextNs(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
  }

  add(atNs: number, kind: number, a: number, b: number): void {
    if (this.size === this.#times.length) this.#grow();
    const slot = this.#free[this.size] as number;
    const order = this.#added++;
    this.#orders[slot] = order;
    this.#kinds[slot] = kind;
    this.#as[slot] = a;
    this.#bs[slot] = b;
    const times = this.#times;
    const slots = this.#slots;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      // What is added later never passes what has the same time.
      if ((times[parent] as number) <= atNs) break;
      times[at] = times[parent] as number;
      slots[at] = slots[parent] as number;
      at = parent;
    }
    times[at] = atNs;
    slots[at] = slot;
  }

  take(): void {
    const times = this.#times;
    const slots = this.#slots;
    const taken = slots[0] as number;
    this.kind = this.#kinds[taken] as number;
    this.a = this.#as[taken] as number;
    this.b = this.#bs[taken] as number;
    const size = --this.size;
    this.#free[size] = taken;
    if (size === 0) return;
    const time = times[size] as number;
    const slot = slots[size] as number;
    let at = 0;
    for (;;) {
      const first = 4 * at + 1;
      if (first >= size) break;
      const end = Math.min(first + 4, size);
      let least = first;
      for (let child = first + 1; child < end; child++) if (this.#isBefore(child, least)) least = child;
      const leastTime = times[least] as number;
      if (leastTime > time || (leastTime === time && !this.#isOlder(slots[least] as number, slot))) break;
      times[at] = leastTime;
      slots[at] = slots[least] as number;
      at = least;
    }
    times[at] = time;
    slots[at] = slot;
  }

  #isBefore(one: number, other: number): boolean {
    const difference = (this.#times[one] as number) - (this.#times[other] as number);
    return (
      difference < 0 ||
      (difference === 0 && this.#isOlder(this.#slots[one] as number, this.#slots[other] as number))
    );
  }

  #isOlder(slot: number, other: number): boolean {
    return (this.#orders[slot] as number) < (this.#orders[other] as number);
  }

  #grow(): void {
    const length = 2 * this.size;
    const wider = <T extends Float64Array | Int32Array | Uint8Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.#times = wider(new Float64Array(length), this.#times);
    this.#slots = wider(new Int32Array(length), this.#slots);
    this.#orders = wider(new Float64Array(length), this.#orders);
    this.#kinds = wider(new Uint8Array(length), this.#kinds);
    this.#as = wider(new Int32Array(length), this.#as);
    this.#bs = wider(new Int32Array(length), this.#bs);
    this.#free = wider(
      Int32Array.from({ length }, (_, slot) => slot),
      this.#free,
    );
  }
}
