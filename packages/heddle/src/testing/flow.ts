/**
 * The bytes of one connection in one direction, on their way past the faults: each chunk is given its time of arrival when
 * it comes in, and leaves in order. What waits is bounded; beyond that the sender's socket is not read, so that it feels what a
 * network would make it feel.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../runtime/clock.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import type { DirectionFaults } from "./way-faults.ts";

export interface FlowParts {
  readonly from: Duplex;
  readonly to: Duplex;
  readonly faults: DirectionFaults;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Told what leaves, when it does. */
  readonly onPassed: (what: Passing) => void;
}

/** A chunk, or how a connection ends: gracefully, or with a reset. */
export type Passing = Uint8Array | "end" | "reset";

/** What waits at most, in bytes: 20 MB/s at 50 ms. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** The same towards a slow reader, who would otherwise be felt late. */
const MAX_SLOW_BYTES = 16 * 1024;
/** A slow reader reads so often. */
const SIP_MS = 20;

export class Flow {
  readonly #parts: FlowParts;
  readonly #waiting: { dueMs: number; passing: Passing }[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  /** A slow reader reads again then. */
  #readsAtMs = 0;
  #timer: Timer | undefined;
  #dead = false;
  #ended = false;
  readonly #onFaults = (healed: boolean) => {
    if (healed) {
      for (const entry of this.#waiting) entry.dueMs = 0;
      this.#lastDueMs = 0;
    }
    this.#pump();
  };

  constructor(parts: FlowParts) {
    this.#parts = parts;
    const { from, to, faults } = parts;
    faults.listeners.add(this.#onFaults);
    from.on("data", (chunk: Uint8Array) => this.#take(chunk));
    from.on("end", () => this.#take("end"));
    from.on("error", () => this.#take("reset"));
    from.on("close", () => this.#take("reset"));
    to.on("drain", () => this.#pump());
  }

  /** Passes nothing on from now on. */
  die(): void {
    this.#dead = true;
  }

  /** The connection is no more. */
  close(): void {
    this.#dead = true;
    this.#timer?.cancel();
    this.#waiting.length = 0;
    this.#parts.faults.listeners.delete(this.#onFaults);
  }

  #take(passing: Passing): void {
    // After its end a socket closes: that is no news.
    if (this.#ended) return;
    this.#ended = typeof passing === "string";
    const { from, faults, clock } = this.#parts;
    const bytes = typeof passing === "string" ? 0 : passing.length;
    const dueMs = Math.max(this.#lastDueMs, clock.now() + faults.delayMs(bytes));
    this.#lastDueMs = dueMs;
    this.#waiting.push({ dueMs, passing });
    this.#waitingBytes += bytes;
    this.#pump();
    if (this.#waitingBytes >= this.#maxBytes) from.pause();
  }

  get #maxBytes(): number {
    return this.#parts.faults.bytesPerSecond === Number.POSITIVE_INFINITY
      ? MAX_WAITING_BYTES
      : MAX_SLOW_BYTES;
  }

  #pump(): void {
    const { from, to, faults, clock } = this.#parts;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#dead || faults.blocked || to.writableNeedDrain) return;
      const nowMs = clock.now();
      const slow = faults.bytesPerSecond < Number.POSITIVE_INFINITY;
      const waitMs = Math.max(first.dueMs, slow ? this.#readsAtMs : 0) - nowMs;
      if (waitMs > 0) {
        this.#timer = this.#parts.timers.after(waitMs, () => this.#pump());
        return;
      }
      if (slow && typeof first.passing !== "string") {
        if (faults.bytesPerSecond === 0) return;
        const sip = Math.max(1, Math.round((faults.bytesPerSecond * SIP_MS) / 1000));
        if (first.passing.length > sip) {
          this.#waiting.unshift({ dueMs: first.dueMs, passing: first.passing.subarray(0, sip) });
          first.passing = first.passing.subarray(sip);
        }
        const next = this.#waiting[0]?.passing.length ?? 0;
        this.#readsAtMs = nowMs + (next * 1000) / faults.bytesPerSecond;
      }
      this.#pass();
    }
    if (from.isPaused() && this.#waitingBytes < this.#maxBytes) from.resume();
  }

  #pass(): void {
    const passing = this.#waiting.shift()?.passing;
    const { from, to, onPassed } = this.#parts;
    if (passing === undefined) return;
    onPassed(passing);
    if (passing === "reset") return resetSocket(to);
    if (passing === "end") {
      if (!to.writableEnded) to.end();
      return;
    }
    this.#waitingBytes -= passing.length;
    if (!to.destroyed && !to.writableEnded) to.write(passing);
    if (from.isPaused() && this.#waitingBytes < this.#maxBytes / 2) from.resume();
  }
}

/** Ends a stream without a goodbye, as a process that is killed does. */
export function resetSocket(socket: Duplex): void {
  if (socket.destroyed) return;
  if (socket instanceof Socket || "resetAndDestroy" in socket) (socket as Socket).resetAndDestroy();
  else socket.destroy();
}
