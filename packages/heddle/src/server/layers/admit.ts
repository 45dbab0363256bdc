import { Code } from "@connectrpc/connect";
import { criticalityRank, DEFAULT_CRITICALITY } from "../../call/criticality.ts";
import { HeddleError } from "../../call/errors.ts";
import { findField } from "../../call/metadata.ts";
import { parseTraceparent } from "../../call/trace.ts";
import { COHORTS } from "../../resilience/admission.ts";
import type { Random } from "../../runtime/random.ts";
import type { ServerCall } from "../call.ts";
import type { ServerLayer } from "../layer.ts";
import { refuseCall } from "../refuse-call.ts";

/** Refuses what would wait too long or could not be done in time. Decided in `resilience/admission.ts`. */
export const admit: ServerLayer = {
  name: "admit",
  does: "refuses at once what an overloaded server would only delay, least critical first, and what cannot be done in time",
  order: "inside deadline, whose time it reads; outside your code: what is refused costs nothing",
  create: ({ clock, random, gate }, link) => {
    if (gate === undefined) return {};
    const { admission } = gate;
    let nowMs = 0;
    let receivedAtMs = Number.NaN;
    let untimed = 0;

    /**
     * Of calls that came together the first begins as it is received, and of the others only some look at the clock,
     * which would be a good part of what a small call costs. Where calls are known to compute, each of them does.
     */
    function timeOf(call: ServerCall): number {
      if (call.receivedAtMs !== receivedAtMs) {
        receivedAtMs = nowMs = call.receivedAtMs;
        untimed = 0;
      } else if (++untimed >= admission.callsPerReading) {
        untimed = 0;
        nowMs = clock.now();
      }
      return nowMs;
    }

    const settle = (call: ServerCall) => {
      if (!call.ended) link.up(call);
    };

    const refuse = (call: ServerCall, error: HeddleError, pushbackMs: number) =>
      refuseCall(call, error, pushbackMs, settle);

    function refuseOverload(call: ServerCall, nowMs: number): void {
      const delayMs = Math.round(admission.delayMs(nowMs));
      // Somebody else has refused it already, so it is not this instance alone that has too much to do.
      const isRepeated = findField(call.head.fields, "grpc-previous-rpc-attempts") !== undefined;
      const waitMs = Math.round(Math.max(LEAST_PUSHBACK_MS, delayMs) * (0.5 + random.next()));
      // While it refuses enough, what it takes does not wait.
      const reason =
        delayMs > 0 ? `work waits ${delayMs} ms there` : "and takes only as much as does not wait";
      refuse(call, new HeddleError("overloaded", { method: call.name, reason }), isRepeated ? -1 : waitMs);
    }

    function isAdmitted(call: ServerCall, nowMs: number): boolean {
      if (!gate?.watches(nowMs)) return true;
      const rank = criticalityRank(call.criticality) ?? DEFAULT_RANK;
      return (
        admission.admits(nowMs, rank, cohortOf(call, random), call.deadlineAtMs - nowMs) ||
        isAboutHealth(call)
      );
    }

    return {
      down(call) {
        const beginsAtMs = timeOf(call);
        if (!admission.isCalm(beginsAtMs) && !isAdmitted(call, beginsAtMs))
          return refuseOverload(call, beginsAtMs);
        const { times } = call.routed;
        const leftMs = call.deadlineAtMs - beginsAtMs;
        if (leftMs < times.lowMs && times.isTooLate(beginsAtMs, leftMs)) {
          const { name: method } = call;
          const needsMs = Math.round(times.lowMs);
          return refuse(
            call,
            new HeddleError("tooLate", { method, leftMs: Math.round(leftMs), needsMs }),
            -1,
          );
        }
        link.down(call);
      },
      up(call) {
        const code = call.error?.code;
        const isLate = code === Code.DeadlineExceeded;
        if (!isLate && code !== Code.Canceled) admission.ended();
        const { method, times } = call.routed;
        if (method.desc.methodKind === "unary" && (code === undefined || isLate) && times.wantsSample()) {
          const endsAtMs = clock.now();
          times.add(endsAtMs, endsAtMs - call.receivedAtMs);
        }
        link.up(call);
      },
    };
  },
};

const DEFAULT_RANK = criticalityRank(DEFAULT_CRITICALITY) as number;

/** Waiting less would find the same queue. */
const LEAST_PUSHBACK_MS = 100;

/** All calls of a trace have the same, at every server: a request of many parts fails or succeeds as a whole. */
function cohortOf({ head }: ServerCall, random: Random): number {
  const traceId = parseTraceparent(findField(head.fields, "traceparent") ?? "")?.traceId;
  return traceId === undefined ? random.below(COHORTS) : Number.parseInt(traceId.slice(-8), 16) % COHORTS;
}

/** A server with too much to do that does not say how it is would be taken for dead, and its load be given to others. */
function isAboutHealth({ path }: ServerCall): boolean {
  return path.startsWith("/grpc.health.v1.Health/");
}
