/**
 * When a call that is slow gets a second attempt on another instance while the first still runs: a policy as data.
 *
 * One knob: `maxExtraLoad`, the share of calls that may be sent twice. The delay follows from it: a hedge leaves when
 * the call is slower than all but that share of the client's own calls of the method (Dean and Barroso, "The Tail at
 * Scale", 2013; Finagle's BackupRequestFilter). gRPC's form with a fixed delay is the same type.
 */
import { Code } from "@connectrpc/connect";

/** How the calls of a method are hedged. Absent for a method: never. */
export interface HedgePolicy {
  /** Hedges that may be sent, as a share of the calls: 0.02 is 2 %. `Infinity`: only the retry budget bounds them. */
  readonly maxExtraLoad: number;
  /** After how long the next attempt leaves, in ms; "quantile": the (1 - maxExtraLoad) quantile of own latencies. */
  readonly delayMs: number | "quantile";
  /** Attempts in all, the first included: 2 to 5. */
  readonly maxAttempts: number;
  /** Statuses of one attempt that do not end the others. */
  readonly nonFatalCodes: ReadonlySet<Code>;
}

/** One hedge for at most 2 % of the calls, when a call is slower than 98 % of them. */
export const defaultHedgePolicy: HedgePolicy = {
  maxExtraLoad: 0.02,
  delayMs: "quantile",
  maxAttempts: 2,
  nonFatalCodes: new Set([Code.Unavailable]),
};
