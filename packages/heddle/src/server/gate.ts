/**
 * The admission of one server with the timer that it lives on. The timer runs while there are calls, and a second
 * longer, so that a server at rest is not woken fifty times a second.
 */
import { atLeast } from "../call/check-option.ts";
import { Admission, type AdmissionOptions, TICK_MS } from "../resilience/admission.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Timer, Timers } from "../runtime/timer.ts";

export interface GateParts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Calls that are being worked on. */
  readonly inFlight: () => number;
  /** Told at each look how late the event loop is, in ms. Default: ignored. */
  readonly onDelay?: ((delayMs: number) => void) | undefined;
}

export class Gate {
  readonly admission: Admission;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #inFlight: () => number;
  readonly #onDelay: ((delayMs: number) => void) | undefined;
  #timer: Timer | undefined;
  #busyAtMs = 0;

  constructor(options: AdmissionOptions, { clock, timers, inFlight, onDelay }: GateParts) {
    this.admission = new Admission(options);
    this.#clock = clock;
    this.#timers = timers;
    this.#inFlight = inFlight;
    this.#onDelay = onDelay;
  }

  /** False when it starts to watch with this call: it knows nothing yet. */
  watches(nowMs: number): boolean {
    if (this.#timer !== undefined) return true;
    this.#timer = this.#timers.every(TICK_MS, () => this.#tick());
    this.#busyAtMs = nowMs;
    this.admission.start(nowMs);
    return false;
  }

  /** Stops the timer. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.admission.stop();
  }

  #tick(): void {
    const nowMs = this.#clock.now();
    this.#onDelay?.(this.admission.delayMs(nowMs));
    this.admission.tick(nowMs);
    if (this.#inFlight() > 0 || this.admission.isShedding) this.#busyAtMs = nowMs;
    else if (nowMs - this.#busyAtMs > LINGER_MS) this.close();
  }
}

const LINGER_MS = 1000;

/** Refuses options that make no sense with `optionInvalid`. */
export function createGate(options: AdmissionOptions | false = {}, parts: GateParts): Gate | undefined {
  if (options === false) return undefined;
  const { targetDelayMs = 20, patienceMs = 3000 } = options;
  return new Gate(
    {
      targetDelayMs: atLeast("admission.targetDelayMs", targetDelayMs, 1),
      patienceMs: atLeast("admission.patienceMs", patienceMs, 1),
    },
    parts,
  );
}
