import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@connectrpc/connect";
import { createSeededRandom, type Random } from "../runtime/random.ts";
import { AttemptAllowance } from "./attempt-allowance.ts";
import { MetastabilityGuard } from "./metastability-guard.ts";
import { RetryBudget } from "./retry-budget.ts";
import { decideRetry, defaultRetryPolicy } from "./retry-policy.ts";

/** `calls` of each second end, the share `good` of them well; `added` extra attempts are made where none is refused. */
function second(guard: MetastabilityGuard, atMs: number, good: number, added = 5, calls = 100): void {
  guard.callStarted(atMs);
  for (let call = 0; call < calls; call++) guard.callEnded(call < good * calls);
  for (let i = 0; i < added; i++) if (!guard.brakes(atMs)) guard.attemptAdded();
}

describe("MetastabilityGuard", () => {
  it("brakes when most calls fail although some are repeated, and lets go when most succeed", () => {
    const guard = new MetastabilityGuard();
    second(guard, 0, 0.3);
    second(guard, 1000, 0.3);
    assert.equal(guard.brakes(1000), false, "one bad window is an accident");
    second(guard, 2000, 0.3);
    assert.equal(guard.brakes(2000), true);
    for (let atMs = 3000; atMs < 30_000; atMs += 1000) {
      second(guard, atMs, 0.5);
      assert.equal(guard.brakes(atMs), true, "it is not worse without, and not well yet");
    }
    second(guard, 30_000, 0.95);
    second(guard, 31_000, 0.95);
    assert.equal(guard.brakes(31_000), false);
  });

  it("leaves a service alone that fails without repeats, or seldom", () => {
    const silent = new MetastabilityGuard();
    const fair = new MetastabilityGuard();
    for (let atMs = 0; atMs < 20_000; atMs += 1000) {
      second(silent, atMs, 0.1, 0);
      second(fair, atMs, 0.7);
      assert.ok(!silent.brakes(atMs) && !fair.brakes(atMs));
    }
  });

  it("lets go soon when repeats had helped, and tries again later and later", () => {
    const guard = new MetastabilityGuard();
    const braked: number[] = [];
    for (let atMs = 0; atMs < 200_000; atMs += 1000) {
      second(guard, atMs, guard.brakes(atMs) ? 0.2 : 0.5);
      if (guard.brakes(atMs)) braked.push(atMs / 1000);
    }
    assert.ok(braked.length > 3 && braked.length <= 20, `braked in ${braked.length} of 200 s`);
    const tries = braked.filter((at, i) => i === 0 || at - (braked[i - 1] ?? 0) > 1);
    const pauses = tries.slice(1).map((at, i) => at - (tries[i] ?? 0));
    assert.deepEqual(
      pauses.toSorted((a, b) => a - b),
      pauses,
    );
  });

  it("judges nothing by a handful of calls", () => {
    const guard = new MetastabilityGuard();
    for (let atMs = 0; atMs < 9000; atMs += 1000) {
      second(guard, atMs, 0, 1, 2);
      assert.equal(guard.brakes(atMs), false);
    }
  });

  it("refuses settings that make no sense", () => {
    for (const options of [{ windowMs: 0 }, { troubleBelow: -1 }, { wellFrom: 1.1 }, { troubleBelow: 0.95 }])
      assert.throws(() => new MetastabilityGuard(options), RangeError);
  });
});

interface Attempt {
  readonly call: Call;
  readonly sentAtMs: number;
}

interface Call {
  attempts: number;
  readonly startedAtMs: number;
  over: boolean;
}

/**
 * A service that answers one request a millisecond, first come, first served, whether or not anybody still waits, and
 * turns away what finds 1000 before it. Callers give an attempt 200 ms and a call one second, and repeat twice.
 * `load` is a share of the capacity; after ten seconds it is `trigger` for a while. Returns good answers and attempts
 * for each second.
 */
function runStorm(
  allowance: AttemptAllowance,
  random: Random,
  { load = 0.8, trigger = 2, triggerMs = 3000 } = {},
): { goodput: number[]; attempts: number[] } {
  const policy = { ...defaultRetryPolicy, perAttemptTimeoutMs: 200 };
  const queue: Attempt[] = [];
  const running: Attempt[] = [];
  const due = new Map<number, Call[]>();
  const goodput = Array<number>(60).fill(0);
  const attempts = Array<number>(60).fill(0);
  const at = (ms: number) => Math.floor(ms / 1000);

  function fail(call: Call, nowMs: number, timedOut: boolean): void {
    const failed = { code: timedOut ? Code.DeadlineExceeded : Code.Unavailable, unsent: undefined, timedOut };
    const made = { sent: call.attempts, unsent: 0, refused: 0, usualMs: 0 };
    const leftMs = call.startedAtMs + 1000 - nowMs;
    const decision = decideRetry(
      { ...failed, committed: false, hopeless: false, pushbackMs: undefined },
      { ...made, leftMs },
      policy,
      allowance,
      nowMs,
      random,
    );
    if (!decision.again) {
      call.over = true;
      return allowance.callEnded(false);
    }
    const dueMs = nowMs + Math.ceil(decision.waitMs ?? 0) + 1;
    due.set(dueMs, [...(due.get(dueMs) ?? []), call]);
  }

  function send(call: Call, nowMs: number): void {
    call.attempts++;
    attempts[at(nowMs)] = (attempts[at(nowMs)] ?? 0) + 1;
    if (queue.length >= 1000) return fail(call, nowMs, false);
    const attempt = { call, sentAtMs: nowMs };
    queue.push(attempt);
    running.push(attempt);
  }

  for (let nowMs = 0; nowMs < 60_000; nowMs++) {
    const isTrigger = nowMs >= 10_000 && nowMs < 10_000 + triggerMs;
    for (let left = isTrigger ? trigger : load; random.next() < left; left--) {
      const call = { attempts: 0, startedAtMs: nowMs, over: false };
      allowance.callStarted(nowMs);
      send(call, nowMs);
    }
    for (const call of due.get(nowMs) ?? []) send(call, nowMs);
    due.delete(nowMs);
    while (running[0] !== undefined && nowMs - running[0].sentAtMs >= 200) {
      const { call } = running.shift() as Attempt;
      if (!call.over) fail(call, nowMs, true);
    }
    const served = queue.shift();
    if (served !== undefined && !served.call.over && nowMs - served.sentAtMs < 200) {
      served.call.over = true;
      allowance.attemptSucceeded();
      allowance.callEnded(true);
      goodput[at(nowMs)] = (goodput[at(nowMs)] ?? 0) + 1;
    }
  }
  return { goodput, attempts };
}

describe("a retry storm in a simulated service", () => {
  const generous = { ratio: 3, minPerSecond: 100 };
  const between = (list: readonly number[], from: number, until: number) =>
    list.slice(from, until).reduce((sum, each) => sum + each, 0) / (until - from);

  for (const seed of [1, 2, 3, 4, 5]) {
    it(`stays when its trigger has gone, unless the guard brakes it (seed ${seed})`, () => {
      const without = runStorm(
        new AttemptAllowance({ budget: new RetryBudget(generous) }),
        createSeededRandom(seed),
      );
      assert.ok(between(without.goodput, 0, 10) > 780, "80 % of capacity is carried well before");
      assert.ok(
        between(without.goodput, 20, 60) < 100,
        "and hardly anything 7 s, and 47 s, after the trigger",
      );
      assert.ok(between(without.attempts, 20, 60) > 1500);

      const guard = new MetastabilityGuard();
      const withGuard = runStorm(
        new AttemptAllowance({ budget: new RetryBudget(generous), guard }),
        createSeededRandom(seed),
      );
      assert.ok(between(withGuard.goodput, 23, 60) > 0.97 * 790, "with it, well again within 10 s");
      assert.equal(guard.brakes(60_000), false, "and the brake is off");
    });
  }

  for (const load of [0.5, 0.7, 0.85]) {
    it(`ends with the guard within ten seconds of its trigger, at ${load} of capacity, whatever that was`, () => {
      for (const trigger of [1.5, 4]) {
        for (const triggerMs of [1000, 10_000]) {
          const guard = new MetastabilityGuard();
          const allowance = new AttemptAllowance({ budget: new RetryBudget(generous), guard });
          const { goodput } = runStorm(allowance, createSeededRandom(7), { load, trigger, triggerMs });
          const carried = between(goodput, 20 + triggerMs / 1000, 60);
          assert.ok(carried > 0.97 * load * 1000, `${carried} a second after ${triggerMs} ms of ${trigger}`);
        }
      }
    });
  }

  it("does not begin with the default budget, which adds a tenth", () => {
    const { goodput } = runStorm(
      new AttemptAllowance({ budget: new RetryBudget(), guard: new MetastabilityGuard() }),
      createSeededRandom(1),
    );
    assert.ok(between(goodput, 23, 60) > 0.97 * 790);
  });
});
