/** Where the comparisons put what they find: each gives the rules, and the rest is worked out from these. */
import type { Contract } from "./contract.ts";
import {
  type Broken,
  brokenBy,
  type ContractBreak,
  type Noticed,
  noticedBy,
  type RuleName,
  type Touched,
} from "./contract-break.ts";
import { type RestReach, restReachOf } from "./rest-reach.ts";

export interface Finding {
  readonly name: string;
  readonly what: string;
  /** None: nothing was found. */
  readonly rules: readonly RuleName[];
  readonly touched: Touched;
  /** Whom it breaks beside those that the rules are about. */
  readonly alsoBreaks?: readonly Broken[];
  /** Default: by whom it breaks. */
  readonly noticed?: Noticed;
  /** Where it stands now if it is gone: the nearest part around it that is there. Default: its own name. */
  readonly within?: string;
}

export interface Report {
  readonly found: ContractBreak[];
  /** What plain HTTP reached in the old contract. */
  readonly rest: RestReach;
  add(finding: Finding): void;
}

export function createReport(before: Contract, after: Contract): Report {
  const found: ContractBreak[] = [];
  return {
    found,
    rest: restReachOf(before),
    add({ name, what, rules, touched, alsoBreaks, noticed, within = name }) {
      if (rules.length === 0) return;
      const broken = brokenBy(rules, alsoBreaks);
      found.push({
        name,
        what,
        broken,
        rules,
        touched,
        noticed: noticed ?? noticedBy(broken),
        place: after.places.get(name) ?? after.places.get(within),
        was: before.places.get(name),
      });
    },
  };
}
