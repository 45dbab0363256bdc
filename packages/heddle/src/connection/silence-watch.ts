/**
 * When to doubt that a peer is still there, much earlier than it is safe to close the connection (`keepalive.ts`).
 *
 * While calls are open and nothing arrives, a peer that reports its load is asked for a report, which it gives from the
 * same thread that serves calls; what the balancer asks counts as well. How long it may take to answer follows from how long
 * its answers have taken (`health/phi-accrual.ts`). No word by then: the instance is silent. That is a doubt, not a verdict: a
 * process may stand still for a collection. So it costs nobody anything that cannot be bought back: the instance gets no
 * new calls, those that may be repeated go elsewhere, all others wait. The first byte that arrives ends it.
 *
 * A peer that answers but has no data to send (an idle stream) is asked less and less often, down to every tenth of the
 * first pace. Pure: whoever owns it tells the time and arms one timer for `nextMs`.
 */
import { PhiAccrual } from "../health/phi-accrual.ts";

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
  readonly #suspicion: PhiAccrual;
  /** When the question went out that has no answer; undefined when there is none. */
  #askedAtMs: number | undefined = undefined;
  /** It was asked by us. */
  #isOwn = false;
  #lookedTwice = false;
  #told = false;
  #hadCalls = false;
  #callsSinceMs = 0;
  #dataAtMs = Number.NEGATIVE_INFINITY;
  #paceMs: number;

  /** @param silenceMs silence after which the peer is asked. It gives the scale of how patient the suspicion is, too. */
  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
    this.#paceMs = silenceMs;
    const scale = silenceMs === Number.POSITIVE_INFINITY ? 1 : silenceMs / 1000;
    this.#suspicion = new PhiAccrual({
      minDeviationMs: 100 * scale,
      acceptablePauseMs: 250 * scale,
      firstEstimateMs: 200 * scale,
    });
  }

  /** How long the peer may take to answer, by what is known of it, in ms. */
  get patienceMs(): number {
    return this.#suspicion.suspectAfterMs;
  }

  /** The peer was asked for a report by somebody else. */
  asked(nowMs: number): void {
    if (this.#askedAtMs !== undefined || this.#silenceMs === Number.POSITIVE_INFINITY) return;
    this.#askedAtMs = nowMs;
    this.#isOwn = false;
  }

  /** A report has come that was asked for. */
  answered(nowMs: number): void {
    if (this.#askedAtMs === undefined) return;
    this.#suspicion.sample(Math.max(0, nowMs - this.#askedAtMs));
    this.#askedAtMs = undefined;
    this.#slowDown();
    this.#lookedTwice = false;
    this.#told = false;
  }

  /** What to do now. `ask`: for a report. `silent`: told once for each silence. In all cases `nextMs` is new. */
  check(nowMs: number, { receivedAtMs, dataAtMs, hasCalls }: Signs): SilenceAdvice {
    if (dataAtMs !== this.#dataAtMs) {
      this.#dataAtMs = dataAtMs;
      this.#paceMs = this.#silenceMs;
    }
    if (hasCalls && !this.#hadCalls) this.#callsSinceMs = nowMs;
    this.#hadCalls = hasCalls;
    if (this.#askedAtMs !== undefined && receivedAtMs < this.#askedAtMs)
      return this.#checkAnswer(nowMs, this.#askedAtMs);
    if (this.#askedAtMs !== undefined) this.#slowDown();
    this.#askedAtMs = undefined;
    this.#lookedTwice = false;
    this.#told = false;
    const dueMs = hasCalls
      ? Math.max(receivedAtMs, this.#callsSinceMs) + this.#paceMs
      : nowMs + this.#silenceMs;
    this.nextMs = dueMs;
    if (nowMs < dueMs) return "wait";
    this.#askedAtMs = nowMs;
    this.#isOwn = true;
    this.nextMs = nowMs + this.patienceMs;
    return "ask";
  }

  /** It is there, and has nothing to say. */
  #slowDown(): void {
    if (this.#isOwn) this.#paceMs = Math.min(this.#paceMs * 2, this.#silenceMs * SLOWEST_PACE);
  }

  #checkAnswer(nowMs: number, askedAtMs: number): SilenceAdvice {
    this.nextMs = askedAtMs + this.patienceMs;
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
