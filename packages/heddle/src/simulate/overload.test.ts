import assert from "node:assert/strict";
import { test } from "node:test";
import { constant, exponential } from "./distributions.ts";
import { type OverloadScenario, simulateOverload } from "./overload.ts";

const calm: OverloadScenario = {
  seed: 1,
  forMs: 20_000,
  work: exponential(2),
  waitMs: 5,
  load: () => 0.6,
  shares: { critical: 1 },
  deadlineMs: 1000,
  refusalMs: 0.03,
  roundTripMs: 0.5,
  admission: {},
  retries: "budgeted",
};
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
const levels = { critical_plus: 0.05, critical: 0.2, sheddable_plus: 0.25, sheddable: 0.5 };

test("at two and three times what it can do a server does nine tenths of it, and what is critical is answered", () => {
  for (const times of [2, 3]) {
    for (const seed of seeds) {
      const outcome = simulateOverload({ ...calm, seed, load: () => times, shares: levels });
      const told = `${times} times, seed ${seed}: ${JSON.stringify(outcome.success)}`;
      assert.ok(outcome.goodput >= 0.9, `${told}: goodput ${outcome.goodput}`);
      assert.ok(outcome.success.critical >= 0.999 && outcome.success.critical_plus >= 0.999, told);
      assert.ok(outcome.success.sheddable < outcome.success.sheddable_plus, told);
      assert.ok(outcome.workAmplification <= 1.1, `${told}: amplification ${outcome.workAmplification}`);
    }
  }
});

test("without admission, and with three naive retries all the more, the same load leaves next to nothing", () => {
  const given = { ...calm, shares: levels, admission: undefined, load: () => 2 };
  const alone = simulateOverload({ ...given, retries: "none" });
  const naive = simulateOverload({ ...given, retries: "naive" });
  assert.ok(alone.goodput < 0.1, String(alone.goodput));
  assert.ok(
    naive.goodput < 0.1 && naive.workAmplification > 20,
    JSON.stringify([naive.goodput, naive.workAmplification]),
  );
  assert.ok(naive.attempts > 3.5 * naive.calls);
});

test("a server recovers within ten seconds from a burst that keeps one with naive retries down for good", () => {
  const burst = (atMs: number) => (atMs >= 5000 && atMs < 10_000 ? 3 : 0.7);
  const given = { ...calm, forMs: 40_000, load: burst, shares: levels };
  for (const seed of seeds) {
    const { goodPerSecond, callsPerSecond } = simulateOverload({ ...given, seed });
    for (let second = 20; second < 40; second++)
      assert.equal(goodPerSecond[second], callsPerSecond[second], `second ${second} of seed ${seed}`);
  }
  const naive = simulateOverload({ ...given, admission: undefined, retries: "naive" });
  assert.equal(
    naive.goodPerSecond.slice(20).reduce((sum, good) => sum + good),
    0,
  );
});

test("a server that can do what it is asked for refuses nothing, however long its calls compute", () => {
  for (const workMs of [0.5, 5, 30, 100]) {
    for (const load of [0.3, 0.6, 0.8]) {
      const outcome = simulateOverload({
        ...calm,
        forMs: 60_000,
        work: constant(workMs),
        waitMs: 0,
        deadlineMs: 15_000,
        load: () => load,
      });
      assert.equal(outcome.refused, 0, `${workMs} ms at ${load}`);
    }
  }
});

test("standing still for a third of a second now and then is no reason to refuse what is critical", () => {
  const stalls = Array.from({ length: 20 }, (_, i) => ({ atMs: 2000 + i * 2500, forMs: 300 }));
  const outcome = simulateOverload({ ...calm, forMs: 60_000, deadlineMs: 15_000, stalls });
  assert.equal(outcome.refused, 0);
  assert.equal(outcome.success.critical, 1);
});
