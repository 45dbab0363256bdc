/** How often something is checked, and how much it takes to change one's mind about it. */
export interface CheckRules {
  /** Pause between the starts of two probes, in ms; spread by a tenth to either side. Default 10 000. */
  readonly intervalMs: number;
  /** A probe that takes longer has failed, in ms. Default 2 000; never more than the interval. */
  readonly timeoutMs: number;
  /** Probes in a row that must fail before something healthy is unhealthy. Default 3. */
  readonly unhealthyAfter: number;
  /** Probes in a row that must succeed before something unhealthy is healthy. Default 2. */
  readonly healthyAfter: number;
}

/** With the default in the place of every 0. */
export function resolveCheckRules(given: Partial<CheckRules>): CheckRules {
  const intervalMs = given.intervalMs || 10_000;
  return {
    intervalMs,
    timeoutMs: Math.min(intervalMs, given.timeoutMs || 2_000),
    unhealthyAfter: given.unhealthyAfter || 3,
    healthyAfter: given.healthyAfter || 2,
  };
}
