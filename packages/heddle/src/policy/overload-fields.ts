/**
 * The fields of what a client does against overload, as data: the concurrency limit and throttling.
 */
import { duration, type Field, number, whole } from "./field.ts";
import type { LimitConfig, ThrottleConfig } from "./service-config.ts";

type FieldsOf<Config> = { readonly [Name in keyof Required<Config>]: Field };

export const limitFields = {
  engage: {
    is: { kind: "word", words: ["overload", "always"] },
    does: "Since when there is a limit: since signs of overload and until all has been well for a while, or always.",
    otherwise: "`overload`",
  },
  initial: {
    is: whole("calls", 1, 1_000_000),
    does: "The first limit where `engage` is `always`.",
    otherwise: "64",
  },
  minimum: { is: whole("calls", 1, 1_000_000), does: "No limit is lower.", otherwise: "16" },
  maximum: { is: whole("calls", 1, 1_000_000), does: "No limit is higher.", otherwise: "1000" },
  tolerance: {
    is: number("", { min: 1, max: 100 }),
    does: "So many times the usual latency is no sign of a queue.",
    otherwise: "1.5",
  },
  maxWaitMs: { is: duration(), does: "How long a call waits for room before it fails.", otherwise: "0" },
} as const satisfies FieldsOf<LimitConfig>;

export const throttleFields = {
  k: {
    is: number("", { min: 1, max: 1000 }),
    does: "Calls that are sent for each one accepted: 2 lets as many be refused as are accepted.",
    otherwise: "2",
  },
  windowMs: {
    is: duration({ min: 100, max: 3_600_000 }),
    does: "Time over which calls are counted.",
    otherwise: "30 000",
  },
  minPerSecond: {
    is: number("calls", { max: 1_000_000 }),
    does: "Calls a second that are always sent, at each level of criticality.",
    otherwise: "10",
  },
  codes: {
    is: { kind: "list", of: { kind: "code" } },
    does: "Codes that mean overload beside what our own servers say, such as `RESOURCE_EXHAUSTED`.",
    otherwise: "none",
  },
} as const satisfies FieldsOf<ThrottleConfig>;
