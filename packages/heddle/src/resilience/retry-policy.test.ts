import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { createSeededRandom, type Random } from "../runtime/random.ts";
import { AttemptAllowance } from "./attempt-allowance.ts";
import { RetryBudget } from "./retry-budget.ts";
import {
  type AttemptsMade,
  decideRetry,
  defaultRetryPolicy,
  type FailedAttempt,
  readPushback,
  type RetryPolicy,
} from "./retry-policy.ts";
import { RetryThrottle } from "./retry-throttle.ts";

const middle: Random = { next: () => 0.5, below: () => 0 };

interface Given {
  readonly failed?: Partial<FailedAttempt>;
  readonly made?: Partial<AttemptsMade>;
  /** `null`: the method has none. */
  readonly policy?: RetryPolicy | null;
  readonly allowance?: AttemptAllowance;
  readonly nowMs?: number;
  readonly random?: Random;
}

function decide({ failed = {}, made = {}, policy = defaultRetryPolicy, ...rest }: Given = {}) {
  const {
    allowance = new AttemptAllowance({ budget: new RetryBudget() }),
    nowMs = 0,
    random = middle,
  } = rest;
  const attempt: FailedAttempt = {
    code: Code.Unavailable,
    unsent: undefined,
    committed: false,
    hopeless: false,
    timedOut: false,
    pushbackMs: undefined,
    ...failed,
  };
  const before: AttemptsMade = { sent: 1, unsent: 0, refused: 0, leftMs: 15_000, usualMs: 0, ...made };
  return decideRetry(attempt, before, policy ?? undefined, allowance, nowMs, random);
}

const why = (decision: ReturnType<typeof decideRetry>) => (decision.again ? "again" : decision.why);

describe("decideRetry", () => {
  it("waits with jitter, longer each time, and no more than five attempts are made whatever a policy says", () => {
    assert.deepEqual(decide(), { again: true, waitMs: 12.5 });
    assert.deepEqual(decide({ made: { sent: 2 } }), { again: true, waitMs: 25 });
    assert.equal(why(decide({ made: { sent: 3 } })), "all 3 attempts were used");
    const eager = { ...defaultRetryPolicy, maxAttempts: 100 };
    assert.equal(why(decide({ made: { sent: 4 }, policy: eager })), "again");
    assert.equal(why(decide({ made: { sent: 5 }, policy: eager })), "all 5 attempts were used");
  });

  it("keeps to the times of a policy that came from gRPC's service config, within 20 %", () => {
    const grpc = { baseMs: 100, factor: 3, maxMs: 500, jitter: 0.2 };
    const policy = { ...defaultRetryPolicy, maxAttempts: 5, backoff: grpc };
    const random = createSeededRandom(3);
    for (const [sent, ceilingMs] of [
      [1, 100],
      [2, 300],
      [3, 500],
      [4, 500],
    ] as const) {
      const decision = decide({ made: { sent }, policy, random });
      assert.ok(decision.again && decision.waitMs !== undefined);
      assert.ok(
        decision.waitMs >= 0.8 * ceilingMs && decision.waitMs <= 1.2 * ceilingMs,
        `${decision.waitMs}`,
      );
    }
  });

  it("repeats only what the policy names, and an attempt that ran out of its own time", () => {
    assert.equal(why(decide({ failed: { code: Code.ResourceExhausted } })), "the answer is final");
    const both = {
      ...defaultRetryPolicy,
      retryableCodes: new Set([Code.Unavailable, Code.ResourceExhausted]),
    };
    assert.equal(why(decide({ failed: { code: Code.ResourceExhausted }, policy: both })), "again");
    assert.equal(why(decide({ failed: { code: Code.DeadlineExceeded } })), "the answer is final");
    assert.equal(why(decide({ failed: { code: Code.DeadlineExceeded, timedOut: true } })), "again");
    assert.equal(why(decide({ failed: { hopeless: true } })), "the answer is final");
    assert.match(why(decide({ policy: null })), /contract does not say/);
  });

  it("never contradicts what the caller has been given", () => {
    for (const unsent of [undefined, "refused", "never left"] as const)
      assert.match(why(decide({ failed: { committed: true, unsent } })), /passed on already/);
  });

  it("waits as long as the server says, and stops when it says no or nothing that can be read", () => {
    assert.deepEqual(decide({ failed: { pushbackMs: 0 } }), { again: true, waitMs: 0 });
    assert.deepEqual(decide({ failed: { pushbackMs: 1234 }, made: { sent: 2 } }), {
      again: true,
      waitMs: 1234,
    });
    assert.equal(why(decide({ failed: { pushbackMs: -1 } })), "the server asked not to repeat it");
    assert.deepEqual(
      ["0", "17", "-1", "", "soon", "1.5", "99999999999", " 1"].map(readPushback),
      [0, 17, -1, -1, -1, -1, -1, -1],
    );
    assert.equal(readPushback(undefined), undefined);
  });

  it("makes no attempt for which the deadline leaves no time", () => {
    assert.equal(why(decide({ made: { leftMs: 12.6 } })), "again");
    assert.equal(why(decide({ made: { leftMs: 12.5 } })), "the deadline leaves no time for another attempt");
    assert.equal(
      why(decide({ made: { leftMs: 100, usualMs: 90 } })),
      "the deadline leaves no time for another attempt",
    );
    assert.equal(why(decide({ made: { leftMs: 103, usualMs: 90 } })), "again");
  });

  it("repeats at once what never left, and once what was refused; both for any method", () => {
    for (const policy of [defaultRetryPolicy, null]) {
      const unsent = (proof: "never left" | "refused", made: Partial<AttemptsMade>) =>
        decide({ failed: { unsent: proof }, made, policy });
      assert.deepEqual(unsent("never left", { unsent: 8 }), { again: true, waitMs: undefined });
      assert.equal(why(unsent("never left", { unsent: 9 })), "8 instances refused it");
      assert.deepEqual(unsent("refused", { unsent: 1, refused: 1 }), { again: true, waitMs: undefined });
      assert.deepEqual(unsent("refused", { unsent: 2, refused: 2 }), { again: true, waitMs: 12.5 });
      assert.deepEqual(unsent("never left", { unsent: 3, refused: 2 }), { again: true, waitMs: undefined });
    }
  });

  it("pays for repeats from the second refusal on, not for transparent ones", () => {
    const budget = new RetryBudget({ minPerSecond: 0.1 });
    const allowance = new AttemptAllowance({ budget });
    decide({ failed: { unsent: "never left" }, made: { unsent: 1 }, allowance });
    decide({ failed: { unsent: "refused" }, made: { unsent: 1, refused: 1 }, allowance });
    assert.equal(budget.available(0), 1);
    decide({ failed: { unsent: "refused" }, made: { unsent: 2, refused: 2 }, allowance });
    assert.equal(budget.available(0), 0);
    assert.equal(
      why(decide({ failed: { unsent: "refused" }, made: { unsent: 3, refused: 3 }, allowance })),
      "the retry budget is used up",
    );
  });
});

describe("AttemptAllowance", () => {
  it("lets throttle, guard and budget each refuse, and spends the budget last", () => {
    const budget = new RetryBudget({ minPerSecond: 0.1 });
    const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 1 });
    const allowance = new AttemptAllowance({ budget, throttle });
    allowance.attemptFailed();
    assert.equal(allowance.ask(0), "retryThrottling allows none at present");
    allowance.attemptSucceeded();
    assert.equal(budget.available(0), 1, "a refusal by another costs nothing");
    assert.equal(allowance.ask(0), undefined);
    assert.equal(allowance.ask(0), "the retry budget is used up");
    allowance.replace({ budget: new RetryBudget() });
    assert.equal(allowance.ask(0), undefined);
  });

  it("bounds all attempts to calls × (1 + ratio) and the floor, whatever fails and whoever asks", () => {
    const events = fc.array(
      fc.record({ gapMs: fc.nat({ max: 400 }), extra: fc.nat({ max: 5 }), hedges: fc.nat({ max: 3 }) }),
      { maxLength: 300 },
    );
    const settings = fc.record({
      ratio: fc.constantFrom(0, 0.1, 0.2, 1),
      minPerSecond: fc.constantFrom(0, 1, 3),
    });
    fc.assert(
      fc.property(settings, events, ({ ratio, minPerSecond }, list) => {
        const ttlMs = 10_000;
        const allowance = new AttemptAllowance({ budget: new RetryBudget({ ratio, minPerSecond, ttlMs }) });
        let nowMs = 0;
        let added = 0;
        for (const { gapMs, extra, hedges } of list) {
          nowMs += gapMs;
          allowance.callStarted(nowMs);
          for (let i = 0; i < hedges; i++) if (allowance.ask(nowMs) === undefined) added++;
          for (let i = 0; i < extra; i++) {
            const eager = { ...defaultRetryPolicy, maxAttempts: 5 };
            if (decide({ nowMs, made: { sent: 1 + i }, policy: eager, allowance }).again) added++;
          }
        }
        const floor = minPerSecond * (ttlMs / 1000) * (Math.floor(nowMs / ttlMs) + 1);
        const work = list.length + added;
        assert.ok(
          work <= list.length * (1 + ratio) + floor + 1e-6,
          `${work} attempts of ${list.length} calls`,
        );
      }),
    );
  });
});
