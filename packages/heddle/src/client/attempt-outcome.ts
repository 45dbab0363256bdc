/**
 * What the end of an attempt says of its instance: its answers by their codes (`call/instance-fault.ts`). A call that its
 * caller or its deadline ended says only how long there was no answer, and so does one that a draining instance did not
 * begin.
 */
import type { AttemptOutcome } from "../balance/balancer.ts";
import { isHeddleError } from "../call/errors.ts";
import { isInstanceFault } from "../call/instance-fault.ts";
import type { ClientCall } from "./call.ts";

export function attemptOutcome({ error, aborted }: ClientCall): AttemptOutcome {
  if (error === undefined) return "ok";
  if (aborted || (isHeddleError(error) && (error.retry === "unsent" || error.reason === "cancelled")))
    return "cancelled";
  return isInstanceFault(error.code) ? "failed" : "ok";
}
