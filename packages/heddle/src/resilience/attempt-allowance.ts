/**
 * Whether a client may send one attempt more than it has calls. Retries and hedges ask here, both, before they send:
 * who is in trouble does not care why it gets twice the load. Three have a say, cheapest first, and the budget, the
 * only one that is spent by a yes, is asked last.
 */
import type { MetastabilityGuard } from "./metastability-guard.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { RetryThrottle } from "./retry-throttle.ts";

export interface AttemptAllowanceParts {
  /** Bounds extra attempts to a share of the calls. */
  readonly budget: RetryBudget;
  /** gRPC's token count, where the service config has one. */
  readonly throttle?: RetryThrottle | undefined;
  /** Stops them while they do not help; undefined: never. */
  readonly guard?: MetastabilityGuard | undefined;
}

/** One for each channel. */
export class AttemptAllowance {
  readonly #guard: MetastabilityGuard | undefined;
  #budget: RetryBudget;
  #throttle: RetryThrottle | undefined;
  /** How often each of them has said no. */
  readonly refused = { throttle: 0, guard: 0, budget: 0 };

  constructor({ budget, throttle, guard }: AttemptAllowanceParts) {
    this.#budget = budget;
    this.#throttle = throttle;
    this.#guard = guard;
  }

  /** Another budget and throttle from now on; what the old ones had counted is forgotten. */
  replace({ budget, throttle }: Omit<AttemptAllowanceParts, "guard">): void {
    this.#budget = budget;
    this.#throttle = throttle;
  }

  /** A call begins: it earns its share of an extra attempt. */
  callStarted(nowMs: number): void {
    this.#budget.deposit(nowMs);
    this.#guard?.callStarted(nowMs);
  }

  /** A call ended: `good` when the service gave it an answer, whatever that says. */
  callEnded(good: boolean): void {
    this.#guard?.callEnded(good);
  }

  attemptSucceeded(): void {
    this.#throttle?.succeeded();
  }

  /** In a way that calls for another attempt, or with the request to make none. */
  attemptFailed(): void {
    this.#throttle?.failed();
  }

  /** Takes one extra attempt out. The answer is why it may not be made; undefined: it may. */
  ask(nowMs: number): string | undefined {
    if (this.#throttle?.allows === false) return this.#refuse("throttle");
    if (this.#guard?.brakes(nowMs) === true) return this.#refuse("guard");
    if (!this.#budget.tryWithdraw(nowMs)) return this.#refuse("budget");
    this.#guard?.attemptAdded();
    return undefined;
  }

  /** What the budget would allow now. */
  available(nowMs: number): number {
    return this.#budget.available(nowMs);
  }

  #refuse(by: keyof typeof REASONS): string {
    this.refused[by]++;
    return REASONS[by];
  }
}

const REASONS = {
  throttle: "retryThrottling allows none at present",
  guard: "most calls fail and repeating did not help, so none is repeated at present",
  budget: "the retry budget is used up",
} as const;
