import type { Child } from "./family.ts";

/** One series of a counter, resolved: adding costs an addition. */
export class Counter implements Child {
  readonly labels: readonly string[];
  holders = 0;
  releasedAtMs = Number.POSITIVE_INFINITY;
  value = 0;

  constructor(labels: readonly string[]) {
    this.labels = labels;
  }

  add(amount = 1): void {
    this.value += amount;
  }
}
