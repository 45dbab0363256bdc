/**
 * Tries again where that is safe and useful.
 *
 * Two kinds, as in gRPC. An attempt that no handler saw (the connection failed before it was sent, a refused
 * stream, a GOAWAY) goes to another instance at once, for any method: gRPC calls this a transparent retry. An
 * attempt that may have run is repeated only when the method's policy allows it, after a jittered wait or the one
 * that the server asks for, and only while the channel's allowance has something left.
 *
 * Why a budget and not just a maximum: when a service is overloaded, three attempts per call turn a small
 * overload into a threefold one. A budget bounds the extra load to a share of the traffic.
 * Sources: https://github.com/grpc/proposal/blob/master/A6-client-retries.md, Google SRE book ch. 21. What is decided,
 * and why, stands in `resilience/retry-policy.ts`; here it is carried out.
 */
import { Code } from "@connectrpc/connect";
import { HeddleError, isHeddleError } from "../../call/errors.ts";
import { decideRetry, type FailedAttempt } from "../../resilience/retry-policy.ts";
import type { WheelEntry } from "../../runtime/timer-wheel.ts";
import type { ClientCall, Holder } from "../call.ts";
import type { ClientLayer, ClientParts } from "../layer.ts";
import { pushbackOf } from "../pushback.ts";

export const retry: ClientLayer = {
  name: "retry",
  does: "tries another instance: at once if the request was not processed, else if policy and allowance agree",
  order: "innermost of the whole-call layers; everything below runs once per attempt",
  create: (parts, link) => {
    const { clock, allowance, wheel, endpoints } = parts;

    function begin(call: ClientCall): void {
      const limitMs = call.policy.retry?.perAttemptTimeoutMs ?? Number.POSITIVE_INFINITY;
      if (limitMs !== Number.POSITIVE_INFINITY && call.method.desc.methodKind === "unary")
        call.attemptTimer = new AttemptTimer(call, limitMs);
      link.down(call);
    }

    function again(call: ClientCall, waitMs: number | undefined): void {
      const now = clock.now();
      call.counts?.retried(isHeddleError(call.error) && call.error.retry === "unsent");
      call.earlier ??= [];
      // What raced is described already where the last one to fail was not the first.
      if (call.earlier.length < call.attempts) call.earlier.push(call.describeAttempt(now));
      call.noteTried(call.subchannel);
      call.error = undefined;
      call.refused = false;
      call.isHedge = false;
      call.resetAnswer();
      if (waitMs === undefined) return begin(call);
      call.phase = "backing off";
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
        endpoints.pausing.add(call);
        wheel.add(this, waitMs);
      }

      onWheel(): void {
        endpoints.pausing.delete(this.#call);
        this.#call.holder = undefined;
        begin(this.#call);
      }

      abort(call: ClientCall): void {
        endpoints.pausing.delete(call);
        wheel.remove(this);
        link.up(call);
      }
    }

    /** Ends an attempt that takes longer than the method's policy gives it. */
    class AttemptTimer implements WheelEntry {
      wheelAtMs = 0;
      wheelNext: WheelEntry | undefined = undefined;
      wheelPrev: WheelEntry | undefined = undefined;
      readonly #call: ClientCall;
      readonly #limitMs: number;

      constructor(call: ClientCall, limitMs: number) {
        this.#call = call;
        this.#limitMs = limitMs;
        wheel.add(this, limitMs);
      }

      onWheel(): void {
        const call = this.#call;
        // How long a call waits for an instance is bounded elsewhere, and no instance is to blame for it.
        if (call.phase === "waiting for an instance") return wheel.add(this, this.#limitMs);
        const { method, subchannel } = call;
        const address = subchannel?.address ?? "";
        call.endAttempt(
          new HeddleError("attemptTimedOut", { method: method.name, address, limitMs: this.#limitMs }),
        );
      }
    }

    return {
      down(call) {
        allowance.callStarted(call.startedAtMs);
        begin(call);
      },
      up(call) {
        if (call.attemptTimer !== undefined) {
          wheel.remove(call.attemptTimer);
          call.attemptTimer = undefined;
        }
        if (call.error === undefined) {
          allowance.attemptSucceeded();
          allowance.callEnded(true);
          return link.up(call);
        }
        const decision = decide(call, parts);
        if (decision.again) return again(call, decision.waitMs);
        call.stoppedBecause = decision.why;
        if (call.error.code !== Code.Canceled) allowance.callEnded(!speaksOfOverload(call.error.code));
        link.up(call);
      },
    };
  },
};

/** Whether, and how, the failed attempt is followed by another. */
function decide(call: ClientCall, { clock, allowance, random }: ClientParts): ReturnType<typeof decideRetry> {
  if (call.aborted) return { again: false, why: "the call was ended by its deadline or caller" };
  const { error, policy } = call;
  const known = isHeddleError(error) ? error : undefined;
  if (known?.reason === "noInstance" || known?.reason === "noneReady")
    return { again: false, why: "there is no instance to try" };
  const isUnsent = known?.retry === "unsent";
  if (isUnsent) call.unsentAttempts++;
  if (isUnsent && call.refused) call.refusedAttempts++;
  const isUnary = call.method.desc.methodKind === "unary";
  const timedOut = known?.reason === "attemptTimedOut";
  const failed: FailedAttempt = {
    code: error?.code ?? Code.Unknown,
    unsent: isUnsent ? (call.refused ? "refused" : "never left") : undefined,
    committed: !isUnary && !call.replayable,
    hopeless: known?.retry === "never" || (isUnary && !call.replayable),
    timedOut,
    pushbackMs: pushbackOf(call),
  };
  const nowMs = clock.now();
  const made = {
    sent: call.attempts - call.unsentAttempts,
    unsent: call.unsentAttempts,
    refused: call.refusedAttempts,
    leftMs: call.deadlineAtMs - nowMs,
    usualMs: call.race?.usualMs ?? 0,
  };
  const decision = decideRetry(failed, made, policy.retry, allowance, nowMs, random);
  if (decision.again || policy.retry !== undefined || !policy.idempotent || failed.committed) return decision;
  return failed.hopeless || isUnsent
    ? decision
    : { again: false, why: "repeating is switched off for the method" };
}

/** Failures that a service with too much to do has; what else it says is an answer. */
function speaksOfOverload(code: Code): boolean {
  return code === Code.Unavailable || code === Code.DeadlineExceeded || code === Code.ResourceExhausted;
}
