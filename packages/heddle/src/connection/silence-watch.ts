/**
 * When to doubt that a peer is still there, much earlier than it is safe to close the connection (`keepalive.ts`).
 *
 * While calls are open and nothing arrives, a peer that reports its load is asked for a report, which it gives from the
 * same thread that serves calls. No word after that either: the instance is silent. That is a doubt, not a verdict: a
 * process may stand still for a collection. So it costs nobody anything that cannot be bought back: the instance gets no
 * new calls, those that may be repeated go elsewhere, all others wait. The first byte that arrives ends it.
 *
 * A peer that answers but has no data to send (an idle stream) is asked less and less often, down to every tenth of the
 * first pace. Pure: whoever owns it tells the time and arms one timer for `nextMs`.
 */
export type SilenceAdvice = "wait" | "ask" | "silent";

export interface Signs {
  /** When bytes arrived last, by the clock of `nowMs`. */
  readonly receivedAtMs: number;
  /** When data or headers of a call arrived last. */
  readonly dataAtMs: number;
  readonly hasCalls: boolean;
}

export class SilenceWatch {
  /** When to call `check` again. */
  nextMs = 0;
  readonly #silenceMs: number;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #waiting = false;
  #lookedTwice = false;
  #told = false;
  #hadCalls = false;
  #callsSinceMs = 0;
  #dataAtMs = Number.NEGATIVE_INFINITY;
  #paceMs: number;

  /** @param silenceMs silence after which the peer is asked, and as much again until it counts as silent. */
  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
    this.#paceMs = silenceMs;
  }

  /** What to do now. `ask`: for a report. `silent`: told once for each silence. In all cases `nextMs` is new. */
  check(nowMs: number, { receivedAtMs, dataAtMs, hasCalls }: Signs): SilenceAdvice {
    if (dataAtMs !== this.#dataAtMs) {
      this.#dataAtMs = dataAtMs;
      this.#paceMs = this.#silenceMs;
    }
    if (hasCalls && !this.#hadCalls) this.#callsSinceMs = nowMs;
    this.#hadCalls = hasCalls;
    if (this.#waiting && receivedAtMs < this.#askedAtMs) return this.#checkAnswer(nowMs);
    if (this.#waiting) this.#paceMs = Math.min(this.#paceMs * 2, this.#silenceMs * SLOWEST_PACE);
    this.#waiting = false;
    this.#lookedTwice = false;
    this.#told = false;
    const dueMs = hasCalls
      ? Math.max(receivedAtMs, this.#callsSinceMs) + this.#paceMs
      : nowMs + this.#silenceMs;
    this.nextMs = dueMs;
    if (nowMs < dueMs) return "wait";
    this.#waiting = true;
    this.#askedAtMs = nowMs;
    this.nextMs = nowMs + this.#silenceMs;
    return "ask";
  }

  #checkAnswer(nowMs: number): SilenceAdvice {
    this.nextMs = this.#askedAtMs + this.#silenceMs;
    if (nowMs < this.nextMs) return "wait";
    this.nextMs = nowMs + this.#silenceMs;
    if (this.#told) return "wait";
    // A process that stood still itself finds its timers due before it reads the answer that lies in its socket.
    this.#told = this.#lookedTwice;
    if (this.#told) return "silent";
    this.#lookedTwice = true;
    this.nextMs = nowMs + SECOND_LOOK_MS;
    return "wait";
  }
}

const SLOWEST_PACE = 10;
const SECOND_LOOK_MS = 20;
