import { atLeast, invalidOption } from "../call/check-option.ts";
import type { MethodName } from "../policy/service-config.ts";

/** How many calls of some methods may be under way at a time. */
export interface BulkheadRule {
  /** The methods it is for, which count together: methods, services, or with neither all. Default: all of them. */
  readonly names?: readonly MethodName[];
  /** Calls at a time. Further ones are refused at once. */
  readonly maxConcurrent: number;
}

export function checkBulkheads(rules: readonly BulkheadRule[]): readonly BulkheadRule[] {
  for (const [i, { names = [], maxConcurrent }] of rules.entries()) {
    atLeast(`bulkheads[${i}].maxConcurrent`, maxConcurrent, 0);
    for (const { service, method } of names)
      if (method !== undefined && service === undefined)
        throw invalidOption(`bulkheads[${i}].names`, `the method "${method}" needs its service`);
  }
  return rules;
}
