/**
 * Tries again where that is safe and useful.
 *
 * Two kinds, as in gRPC. An attempt that no handler saw (the connection failed before it was sent, a refused
 * stream, a GOAWAY) goes to another instance at once, for any method: gRPC calls this a transparent retry. An
 * attempt that failed with UNAVAILABLE may have run; it is repeated only when the contract says that the
 * method is idempotent, a few times, after a jittered wait, and only while the retry budget has something left.
 *
 * Why a budget and not just a maximum: when a service is overloaded, three attempts per call turn a small
 * overload into a threefold one. A budget bounds the extra load to a share of the traffic.
 * Sources: https://github.com/grpc/proposal/blob/master/A6-client-retries.md, Google SRE book ch. 21.
 */
import { Code } from "@connectrpc/connect";
import { type HeddleError, isHeddleError } from "../../call/errors.ts";
import { backoffMs, callBackoff } from "../../resilience/backoff.ts";
import type { WheelEntry } from "../../runtime/timer-wheel.ts";
import type { ClientCall, Holder } from "../call.ts";
import type { ClientLayer, ClientParts } from "../layer.ts";

/** Attempts that no handler saw; more than this many instances in a row do not refuse by accident. */
const MAX_UNSENT_ATTEMPTS = 8;

export const retry: ClientLayer = {
  name: "retry",
  does: "tries another instance: at once if the request was not processed, else if the contract says it may be repeated",
  order: "innermost of the whole-call layers; everything below runs once per attempt",
  create: (parts, link) => {
    const { clock, budget, wheel, random } = parts;

    function again(call: ClientCall, unsent: boolean): void {
      const now = clock.now();
      call.earlier ??= [];
      call.earlier.push(call.describeAttempt(now));
      if (call.subchannel !== undefined) {
        call.tried ??= [];
        call.tried.push(call.subchannel);
      }
      call.error = undefined;
      call.resetAnswer();
      if (unsent) {
        call.unsentAttempts++;
        return link.down(call);
      }
      call.phase = "backing off";
      const waitMs = backoffMs(call.attempts - call.unsentAttempts - 1, callBackoff, random);
      new Backoff(call, waitMs);
    }

    /** The wait before another attempt. */
    class Backoff implements WheelEntry, Holder {
      wheelAtMs = 0;
      wheelNext: WheelEntry | undefined = undefined;
      wheelPrev: WheelEntry | undefined = undefined;
      readonly #call: ClientCall;

      constructor(call: ClientCall, waitMs: number) {
        this.#call = call;
        call.holder = this;
        wheel.add(this, waitMs);
      }

      onWheel(): void {
        this.#call.holder = undefined;
        link.down(this.#call);
      }

      abort(call: ClientCall): void {
        wheel.remove(this);
        link.up(call);
      }
    }

    return {
      down(call) {
        budget.deposit(call.startedAtMs);
        link.down(call);
      },
      up(call) {
        if (call.error === undefined) return link.up(call);
        const verdict = decide(call, parts);
        if (verdict === "unsent" || verdict === "repeat") return again(call, verdict === "unsent");
        call.stoppedBecause = verdict.why;
        link.up(call);
      },
    };
  },
};

/** Whether, and how, the failed attempt is followed by another. */
function decide(
  call: ClientCall,
  { clock, budget, maxAttempts }: ClientParts,
): "unsent" | "repeat" | { readonly why: string } {
  const { error } = call;
  if (call.aborted) return { why: "the call was ended by its deadline or caller" };
  const known: HeddleError | undefined = isHeddleError(error) ? error : undefined;
  if (known?.reason === "noInstance" || known?.reason === "noneReady")
    return { why: "there is no instance to try" };
  if (!call.replayable) return { why: "messages of the stream had been passed on already" };
  if (known?.retry === "unsent") {
    return call.unsentAttempts < MAX_UNSENT_ATTEMPTS
      ? "unsent"
      : { why: `${MAX_UNSENT_ATTEMPTS} instances refused it` };
  }
  if (error?.code !== Code.Unavailable || known?.retry === "never") return { why: "the answer is final" };
  if (!call.method.idempotent) return { why: "the contract does not say that the method may be repeated" };
  if (call.attempts - call.unsentAttempts >= maxAttempts)
    return { why: `all ${maxAttempts} attempts were used` };
  if (!budget.tryWithdraw(clock.now())) return { why: "the retry budget is used up" };
  return "repeat";
}
