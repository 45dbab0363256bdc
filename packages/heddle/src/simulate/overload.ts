/**
 * One server that gets more than it can do, in virtual time. Its admission is that of production; around it stands a
 * Node process: turns one after the other, what arrives during an iteration of the event loop is read in the next,
 * and a timer runs between them when it is due. A call computes half of its work, waits for something else and
 * computes the rest, whether or not somebody still wants it. Callers have deadlines, levels and a way to repeat what
 * failed: what makes an outage of an overload is what callers do about it.
 *
 * Arrivals and work are drawn apart from all decisions: one seed is one traffic, whatever is switched on.
 */
import { criticalities, type Criticality } from "../call/criticality.ts";
import { Admission, type AdmissionOptions, COHORTS, TICK_MS } from "../resilience/admission.ts";
import { RetryBudget } from "../resilience/retry-budget.ts";
import { ServiceTimes } from "../resilience/service-times.ts";
import { createSeededRandom } from "../runtime/random.ts";
import { type Distribution, exponential } from "./distributions.ts";
import { createEventHeap } from "./event-heap.ts";

export interface OverloadScenario {
  readonly seed: number;
  readonly forMs: number;
  /** What a call computes, in ms. */
  readonly work: Distribution;
  /** What it waits for outside, in ms; the event loop is free meanwhile. */
  readonly waitMs: number;
  /** Work that arrives over what the server can compute, at a time. */
  load(atMs: number): number;
  /** Shares of the levels, which add up to 1. */
  readonly shares: Readonly<Partial<Record<Criticality, number>>>;
  /** Time for a call, in ms, all its attempts included. */
  readonly deadlineMs: number;
  /** What refusing a call computes, in ms. */
  readonly refusalMs: number;
  readonly roundTripMs: number;
  /** What the server does about too much; undefined for nothing at all. */
  readonly admission: AdmissionOptions | undefined;
  readonly retries: Retries;
  /** Times at which the process stands still for so many ms: garbage collection, a busy machine. */
  readonly stalls?: readonly { readonly atMs: number; readonly forMs: number }[];
}

/**
 * - `none`: one attempt.
 * - `naive`: three more attempts, each at once and with a quarter of the deadline, of which the server hears nothing.
 *   What clients written by hand do.
 * - `budgeted`: two more at most, of refused calls, after the time the server asked for, out of a retry budget; the
 *   server knows the deadline, and what is given up is cancelled. What clients of Heddle do.
 */
export type Retries = "none" | "naive" | "budgeted";

export interface OverloadOutcome {
  readonly calls: number;
  /** Calls that came in each second, and those of them that were answered within their deadline. */
  readonly callsPerSecond: readonly number[];
  readonly goodPerSecond: readonly number[];
  /** Share of the calls of a level that were answered in time. NaN where there are none. */
  readonly success: Readonly<Record<Criticality, number>>;
  /** Time computed for calls that were answered in time, over all the time there was. */
  readonly goodput: number;
  /** All that was computed for calls over what was for those that were answered in time. */
  readonly workAmplification: number;
  readonly attempts: number;
  readonly refused: number;
  /** Of calls that were answered in time, in ms. */
  readonly p99Ms: number;
}

interface Call {
  readonly atMs: number;
  readonly workMs: number;
  readonly rank: number;
  readonly cohort: number;
  attempts: number;
  endedAtMs: number;
}

interface Attempt {
  readonly call: Call;
  readonly leftMs: number;
  /** -1: not read yet. */
  receivedAtMs: number;
  isGivenUp: boolean;
  /** Undefined while it goes on. */
  answer: "ok" | "refused" | "too late" | undefined;
  pushbackMs: number;
}

type Turn = () => number;

export function simulateOverload(scenario: OverloadScenario): OverloadOutcome {
  const { forMs, deadlineMs, refusalMs, roundTripMs, waitMs, retries, stalls = [] } = scenario;
  const calls = drawCalls(scenario);
  const oneWayMs = roundTripMs / 2;
  const decisions = createSeededRandom(scenario.seed + 1);
  const admission = scenario.admission === undefined ? undefined : new Admission(scenario.admission);
  const times = new ServiceTimes();
  const budget = new RetryBudget();

  // What is to happen, by its number in the heap.
  const heap = createEventHeap();
  const happenings: (() => void)[] = [];
  let nowMs = 0;
  const at = (atMs: number, run: () => void) => {
    heap.add(Math.round(Math.max(atMs, nowMs) * 1e6), 0, happenings.length, 0);
    happenings.push(run);
  };

  // The process.
  let batch: Turn[] = [];
  let next = 0;
  let waiting: Turn[] = [];
  let isRunning = false;
  let tickDueMs = TICK_MS;
  let batchAtMs = 0;
  let computedMs = 0;
  let usefulMs = 0;
  let refused = 0;
  let attempts = 0;
  const latencies: number[] = [];

  function queue(turn: Turn): void {
    waiting.push(turn);
    if (!isRunning) runLoop();
  }

  function runLoop(): void {
    isRunning = true;
    if (next === batch.length) {
      [batch, waiting, next, batchAtMs] = [waiting, [], 0, nowMs];
      if (admission !== undefined && nowMs >= tickDueMs) {
        admission.tick(nowMs);
        tickDueMs = nowMs + TICK_MS;
        at(tickDueMs, wake);
      }
    }
    const turn = batch[next++];
    if (turn === undefined) {
      next = 0;
      batch = [];
      isRunning = false;
      return;
    }
    at(nowMs + turn(), runLoop);
  }

  function wake(): void {
    if (!isRunning && nowMs < forMs) runLoop();
  }

  // The server.
  function begin(attempt: Attempt): number {
    const { call } = attempt;
    attempt.receivedAtMs = batchAtMs;
    const deadlineAtMs = retries === "naive" ? Number.POSITIVE_INFINITY : batchAtMs + attempt.leftMs;
    if (attempt.isGivenUp || nowMs >= deadlineAtMs) return refusalMs;
    if (admission !== undefined) {
      if (
        !admission.isCalm(nowMs) &&
        !admission.admits(nowMs, call.rank, call.cohort, deadlineAtMs - nowMs)
      ) {
        refused++;
        const waitFor = Math.max(100, admission.delayMs(nowMs)) * (0.5 + decisions.next());
        answer(attempt, "refused", call.attempts > 1 ? -1 : waitFor, refusalMs);
        return refusalMs;
      }
      const leftMs = deadlineAtMs - nowMs;
      if (leftMs < times.lowMs && times.isTooLate(nowMs, leftMs)) {
        answer(attempt, "too late", -1, refusalMs);
        return refusalMs;
      }
    }
    computedMs += call.workMs / 2;
    const turnMs = call.workMs / 2;
    at(nowMs + turnMs + waitMs, () => queue(() => finish(attempt)));
    return turnMs;
  }

  function finish(attempt: Attempt): number {
    const { call } = attempt;
    const turnMs = call.workMs / 2;
    computedMs += turnMs;
    at(nowMs + turnMs, () => {
      const tookMs = nowMs - attempt.receivedAtMs;
      if (attempt.isGivenUp) return;
      admission?.ended();
      if (times.wantsSample()) times.add(nowMs, tookMs);
    });
    answer(attempt, "ok", 0, turnMs);
    return turnMs;
  }

  function answer(
    attempt: Attempt,
    kind: "ok" | "refused" | "too late",
    pushbackMs: number,
    afterMs: number,
  ): void {
    attempt.answer = kind;
    attempt.pushbackMs = pushbackMs;
    at(nowMs + afterMs + oneWayMs, () => answered(attempt));
  }

  // The callers.
  function send(call: Call): void {
    if (call.endedAtMs >= 0) return;
    call.attempts++;
    attempts++;
    const leftMs = retries === "naive" ? deadlineMs / 4 : call.atMs + deadlineMs - nowMs;
    const attempt: Attempt = {
      call,
      leftMs,
      receivedAtMs: -1,
      isGivenUp: false,
      answer: undefined,
      pushbackMs: 0,
    };
    at(nowMs + oneWayMs, () => queue(() => begin(attempt)));
    at(nowMs + leftMs, () => giveUp(attempt));
  }

  function giveUp(attempt: Attempt): void {
    const { call } = attempt;
    if (call.endedAtMs >= 0) return;
    if (retries === "naive" && call.attempts < 4) return send(call);
    call.endedAtMs = nowMs;
    // The word of it waits in the same queue as everything else.
    if (retries !== "naive")
      at(nowMs + oneWayMs, () =>
        queue(() => {
          attempt.isGivenUp = true;
          return 0;
        }),
      );
  }

  function answered({ call, answer: kind, pushbackMs }: Attempt): void {
    if (call.endedAtMs >= 0) return;
    if (kind === "ok") {
      call.endedAtMs = nowMs;
      usefulMs += call.workMs;
      latencies.push(nowMs - call.atMs);
      const second = Math.floor(call.atMs / 1000);
      goodPerSecond[second] = (goodPerSecond[second] ?? 0) + 1;
      good[call.rank] = (good[call.rank] ?? 0) + 1;
      return;
    }
    if (retries === "naive" && call.attempts < 4) return send(call);
    const mayRepeat = retries === "budgeted" && call.attempts < 3 && pushbackMs >= 0;
    if (mayRepeat && nowMs + pushbackMs < call.atMs + deadlineMs && budget.tryWithdraw(nowMs))
      return at(nowMs + pushbackMs, () => send(call));
    call.endedAtMs = nowMs;
  }

  const seconds = Math.ceil(forMs / 1000);
  const callsPerSecond = Array.from({ length: seconds }, () => 0);
  const goodPerSecond = Array.from({ length: seconds }, () => 0);
  const came = criticalities.map(() => 0);
  const good = criticalities.map(() => 0);
  for (const call of calls) {
    const second = Math.floor(call.atMs / 1000);
    callsPerSecond[second] = (callsPerSecond[second] ?? 0) + 1;
    came[call.rank] = (came[call.rank] ?? 0) + 1;
    at(call.atMs, () => {
      budget.deposit(nowMs);
      send(call);
    });
  }
  for (const { atMs, forMs: stallMs } of stalls) at(atMs, () => queue(() => stallMs));
  admission?.start(0);
  at(tickDueMs, wake);
  while (heap.size > 0) {
    nowMs = heap.nextNs / 1e6;
    heap.take();
    happenings[heap.a]?.();
  }

  latencies.sort((a, b) => a - b);
  return {
    calls: calls.length,
    callsPerSecond,
    goodPerSecond,
    success: Object.fromEntries(
      criticalities.map((level, rank) => [level, (good[rank] ?? 0) / (came[rank] ?? 0)]),
    ) as Record<Criticality, number>,
    goodput: usefulMs / forMs,
    workAmplification: computedMs / usefulMs,
    attempts,
    refused,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  };
}

function drawCalls({ seed, forMs, work, load, shares }: OverloadScenario): Call[] {
  const random = createSeededRandom(seed);
  const gap = exponential(1);
  const calls: Call[] = [];
  for (let atMs = 0; ; ) {
    atMs += (gap.draw(random) * work.mean) / load(atMs);
    if (atMs >= forMs) return calls;
    let rank = 0;
    for (let draw = random.next(); rank < criticalities.length - 1; rank++) {
      draw -= shares[criticalities[rank] as Criticality] ?? 0;
      if (draw < 0) break;
    }
    const workMs = work.draw(random);
    calls.push({ atMs, workMs, rank, cohort: random.below(COHORTS), attempts: 0, endedAtMs: -1 });
  }
}
