/**
 * Two choices by the replica's own count, polled: what the Prequal paper calls YARP-Po2C. Every client asks every
 * replica for its calls in flight at an interval, and sends each call to the better of two random ones by the last
 * answer. Old answers are its weakness: for a whole interval everyone prefers the same replicas.
 */
import type { PolicyContext, SimulatedCandidate, SimulatedPolicy } from "../simulated-policy.ts";

/** The paper polls every 500 ms, thirty times as often as YARP does by default. */
export function polledTwoChoices(intervalMs = 500): SimulatedPolicy {
  return { name: "yarpPo2c", create: (context) => createPolledTwoChoices(context, intervalMs) };
}

function createPolledTwoChoices({ random }: PolicyContext, intervalMs: number) {
  const nobody: readonly SimulatedCandidate[] = [];
  let set: readonly SimulatedCandidate[] = [];
  let inFlight = new Map<string, number>();
  // Clients do not poll in step.
  let nextPollMs = random.next() * intervalMs;

  return {
    name: "yarpPo2c",
    update(candidates: readonly SimulatedCandidate[]) {
      set = [...candidates];
      inFlight = new Map(set.map(({ id }) => [id, inFlight.get(id) ?? 0]));
    },
    pick() {
      if (set.length < 2) return set[0];
      const first = random.below(set.length);
      const second = (first + 1 + random.below(set.length - 1)) % set.length;
      const [one, other] = [set[first], set[second]] as [SimulatedCandidate, SimulatedCandidate];
      return (inFlight.get(other.id) ?? 0) < (inFlight.get(one.id) ?? 0) ? other : one;
    },
    reported(
      candidate: SimulatedCandidate,
      _nowMs: number,
      report: { requestsInFlight: number },
      probed: boolean,
    ) {
      if (probed) inFlight.set(candidate.id, report.requestsInFlight);
    },
    probeTargets(nowMs: number) {
      if (nowMs < nextPollMs) return nobody;
      nextPollMs += intervalMs * Math.ceil((nowMs - nextPollMs + 1e-9) / intervalMs);
      return set;
    },
  };
}
