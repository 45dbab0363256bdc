/**
 * Client-side throttling of one channel: a machine for each level of criticality, since a service that is overloaded
 * refuses the least critical calls first, and these must not take the others with them.
 */
import type { Code } from "@connectrpc/connect";
import {
  criticalities,
  CRITICALITY_FIELD,
  criticalityRank,
  DEFAULT_CRITICALITY,
} from "../call/criticality.ts";
import { findField } from "../call/metadata.ts";
import type { ThrottleConfig } from "../policy/service-config.ts";
import { statusCode } from "../policy/status-code.ts";
import { Throttle, throttleSettings } from "../resilience/throttle.ts";
import type { Random } from "../runtime/random.ts";
import type { ClientCall } from "./call.ts";
import { isOverloadAnswer } from "./overload.ts";

export class Throttles {
  /** By rank of criticality; undefined: nothing is throttled. */
  levels: readonly Throttle[] | undefined = undefined;
  /** That mean overload beside the answers that say so. */
  codes: ReadonlySet<Code> = new Set();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Begins to count anew. */
  configure(config: ThrottleConfig | false): void {
    this.levels =
      config === false
        ? undefined
        : criticalities.map(() => new Throttle(throttleSettings(config), this.#random));
    const codes = config === false ? [] : (config.codes ?? []).map(statusCode);
    this.codes = new Set(codes.filter((code) => code !== undefined));
  }
}

const DEFAULT_LEVEL = criticalityRank(DEFAULT_CRITICALITY) as number;

/** The rank of how much the call matters. */
export function levelOf({ criticality, metadata }: ClientCall): number {
  if (metadata.length === 0) return criticalityRank(criticality) ?? DEFAULT_LEVEL;
  return criticalityRank(findField(metadata, CRITICALITY_FIELD) ?? criticality) ?? DEFAULT_LEVEL;
}

/** The call ended because the service was overloaded. */
export function isRefused(call: ClientCall, codes: ReadonlySet<Code>): boolean {
  if (isOverloadAnswer(call)) return true;
  return call.error !== undefined && codes.has(call.error.code) && call.attempts > 0 && !call.aborted;
}
