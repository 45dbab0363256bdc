/**
 * Deadlines of calls. Every call sets a timer and nearly every call removes it again, so that adding and removing
 * are what must be cheap, and firing may be coarse: a hashed timing wheel (Varghese and Lauck, "Hashed and
 * Hierarchical Timing Wheels", SOSP 1987, scheme 6). Both cost O(1) and allocate nothing: the entry itself is the
 * list node.
 *
 * An entry never fires early. It fires at the first tick at or after its time, so at most one tick late plus
 * whatever the event loop is late. A delay longer than one turn of the wheel (slots × tick) stays in its slot and
 * is looked at once a turn.
 *
 * One interval timer drives the wheel. It keeps the process alive while there are entries, and is kept, without
 * holding the process, for a second after the last one went, so that calls one after the other do not start and
 * stop a timer each.
 */
import type { Clock } from "./clock.ts";
import type { Timer, Timers } from "./timer.ts";

/** What a thing with a deadline carries. The wheel owns the first three fields; start them as 0 and undefined. */
export interface WheelEntry {
  /** When it is due, by the wheel's clock. Meaningful while the entry is on the wheel. */
  wheelAtMs: number;
  wheelNext: WheelEntry | undefined;
  wheelPrev: WheelEntry | undefined;
  /** Called once when due; the entry is off the wheel by then and may be added again. */
  onWheel(): void;
}

export interface TimerWheelOptions {
  clock: Clock;
  timers: Timers;
  /** Precision in milliseconds. Default 8. */
  tickMs?: number;
  /** Slots of the wheel, a power of two. Default 2048: with 8 ms one turn is 16.4 s, above the default deadline. */
  slots?: number;
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #tickMs: number;
  readonly #slots: WheelEntry[];
  readonly #mask: number;
  /** Entries that are due and not yet called; a list, so that one callback can remove another. */
  readonly #due: WheelEntry = createListHead();
  #size = 0;
  #timer: Timer | undefined;
  #keepsAlive = false;
  /** Ticks are counted from here: the moment the timer started, so that its firings fall on tick boundaries. */
  #originMs = 0;
  /** Last tick whose slot has been swept. */
  #sweptTick = 0;
  #idleSinceMs = 0;

  constructor(options: TimerWheelOptions) {
    const { clock, timers, tickMs = 8, slots = 2048 } = options;
    if (!(tickMs > 0)) throw new RangeError(`tickMs must be more than 0, not ${tickMs}`);
    if (!(slots >= 2 && slots <= 2 ** 20 && (slots & (slots - 1)) === 0)) {
      throw new RangeError(`slots must be a power of two from 2 to 2^20, not ${slots}`);
    }
    this.#clock = clock;
    this.#timers = timers;
    this.#tickMs = tickMs;
    this.#slots = Array.from({ length: slots }, createListHead);
    this.#mask = slots - 1;
  }

  /** Entries on the wheel. */
  get size(): number {
    return this.#size;
  }

  /**
   * Puts the entry on the wheel, or moves it when it is there already. 0 and less: due at the next tick.
   * `nowMs` spares a reading of the clock where the caller has just made one.
   */
  add(entry: WheelEntry, delayMs: number, nowMs: number = this.#clock.now()): void {
    const atMs = nowMs + delayMs;
    if (!Number.isFinite(atMs)) throw new RangeError(`delayMs must be finite, not ${delayMs}`);
    if (entry.wheelPrev !== undefined) this.remove(entry);
    if (this.#timer === undefined) this.#start(nowMs);
    if (!this.#keepsAlive) this.#keepAlive(true);
    const tick = Math.max(Math.ceil((atMs - this.#originMs) / this.#tickMs), this.#sweptTick + 1);
    entry.wheelAtMs = atMs;
    append(this.#slot(tick), entry);
    this.#size++;
  }

  /** Takes the entry off the wheel; does nothing when it is not on it. */
  remove(entry: WheelEntry): void {
    if (entry.wheelPrev === undefined) return;
    unlink(entry);
    this.#size--;
  }

  /** Ticks are exact integers far beyond 2^32, where `&` would lose bits: hence the remainder. */
  #slot(tick: number): WheelEntry {
    const index = tick < 2 ** 31 ? tick & this.#mask : tick % this.#slots.length;
    return this.#slots[index] as WheelEntry;
  }

  #start(nowMs: number): void {
    this.#originMs = nowMs;
    this.#sweptTick = 0;
    this.#idleSinceMs = nowMs;
    this.#timer = this.#timers.every(this.#tickMs, () => this.#tick());
  }

  #tick(): void {
    const nowMs = this.#clock.now();
    this.#collect(nowMs);
    this.#callDue();
    if (this.#size > 0) this.#idleSinceMs = nowMs;
    else this.#rest(nowMs);
  }

  /** Moves what is due to the due list, oldest tick first. */
  #collect(nowMs: number): void {
    const tick = Math.floor((nowMs - this.#originMs) / this.#tickMs);
    const first = Math.max(this.#sweptTick + 1, tick - this.#mask);
    this.#sweptTick = Math.max(this.#sweptTick, tick);
    if (this.#size === 0) return;
    for (let swept = first; swept <= tick; swept++) {
      const head = this.#slot(swept);
      for (let entry = head.wheelNext as WheelEntry; entry !== head; ) {
        const next = entry.wheelNext as WheelEntry;
        if (entry.wheelAtMs <= nowMs) {
          unlink(entry);
          append(this.#due, entry);
        }
        entry = next;
      }
    }
  }

  /** A callback that throws reaches the process as any error of a timer does; the rest is called at the next tick. */
  #callDue(): void {
    for (
      let entry = this.#due.wheelNext;
      entry !== this.#due && entry !== undefined;
      entry = this.#due.wheelNext
    ) {
      this.remove(entry);
      entry.onWheel();
    }
  }

  /** Holding the process is decided here, at a tick, and not in `remove`: a call at a time would toggle it. */
  #rest(nowMs: number): void {
    if (this.#keepsAlive) this.#keepAlive(false);
    if (nowMs - this.#idleSinceMs < lingerMs) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    this.#timer?.keepAlive(on);
  }
}

/** How long the timer runs on after the last entry went. */
const lingerMs = 1000;

/** Lists are circular through a head, so that linking and unlinking have no special cases. */
function createListHead(): WheelEntry {
  const head: WheelEntry = { wheelAtMs: 0, wheelNext: undefined, wheelPrev: undefined, onWheel() {} };
  head.wheelNext = head;
  head.wheelPrev = head;
  return head;
}

function append(head: WheelEntry, entry: WheelEntry): void {
  const last = head.wheelPrev as WheelEntry;
  entry.wheelPrev = last;
  entry.wheelNext = head;
  last.wheelNext = entry;
  head.wheelPrev = entry;
}

function unlink(entry: WheelEntry): void {
  const { wheelPrev, wheelNext } = entry;
  if (wheelPrev !== undefined) wheelPrev.wheelNext = wheelNext;
  if (wheelNext !== undefined) wheelNext.wheelPrev = wheelPrev;
  entry.wheelPrev = undefined;
  entry.wheelNext = undefined;
}
