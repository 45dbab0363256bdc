/** The simulator against what is known without it: the paper's unloaded row, and queues that have been solved. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createHistogram } from "./histogram.ts";
import { clampedNormal, constant, exponential } from "./distributions.ts";
import { csvHeader, toCsvLine } from "./outcome.ts";
import { simulatedPolicies } from "./policies.ts";
import { createProcessorSharing } from "./processor-sharing.ts";
import type { Scenario } from "./scenario.ts";
import { quietBed } from "./scenarios.ts";
import type { SimulatedCandidate, SimulatedPolicy } from "./simulated-policy.ts";
import { simulate } from "./simulation.ts";
import { drawTrace } from "./trace.ts";

/** Single servers that are nothing but their queue. */
const bareQueue: Scenario = {
  ...quietBed,
  name: "bare",
  clients: 1,
  replicas: 1,
  machines: { cores: 1 },
  work: exponential(10),
  network: { roundTripMs: 0, jitter: 0, probeLoss: 0 },
  deadlineMs: 1e6,
  warmUpMs: 1_000,
  coolDownMs: 0,
};

describe("the simulator", () => {
  it("shows the paper's latencies where nobody queues (T1)", () => {
    const scenario = { ...quietBed, load: 0.75, warmUpMs: 500, measureMs: 18_000 };
    const { latencyMs, failed } = simulate(scenario, drawTrace(scenario, 1), simulatedPolicies.roundRobin);
    assert.equal(failed, 0);
    for (const [q, paperMs] of [
      [0.5, 80],
      [0.9, 182],
      [0.99, 266],
      [0.999, 327],
    ] as const) {
      assertWithin(latencyMs.quantile(q), paperMs, 0.02);
    }
  });

  it("agrees with M/M/1 under processor sharing: mean work / (1 - load) (T2)", () => {
    const scenario = { ...bareQueue, replicas: 30, load: 0.5, measureMs: 130_000 };
    const { latencyMs } = simulate(scenario, drawTrace(scenario, 2), simulatedPolicies.random);
    assertWithin(latencyMs.sum / latencyMs.count, 20, 0.01);
  });

  it("agrees with M/G/∞: a Poisson number in the system, whatever the work (T2)", () => {
    const machines = { cores: 1000 };
    const scenario = { ...bareQueue, machines, work: clampedNormal(80, 80), load: 0.02, measureMs: 400_000 };
    const moments = createHistogram();
    let squares = 0;
    const { latencyMs } = simulate(scenario, drawTrace(scenario, 3), simulatedPolicies.random, {
      onSample: (nowNs, fleet) => {
        const size = fleet.servers[0]?.size ?? 0;
        if (nowNs < 1e9) return;
        moments.add(size);
        squares += size * size;
      },
    });
    assertWithin(latencyMs.sum / latencyMs.count, scenario.work.mean, 0.01);
    const mean = moments.sum / moments.count;
    assertWithin(mean, 20, 0.01);
    assertWithin(squares / moments.count - mean * mean, 20, 0.1);
  });

  it("agrees with the fixed point of two choices: a share ρ^(2^i - 1) has i or more (T2)", () => {
    const scenario = { ...bareQueue, replicas: 1000, load: 0.7, warmUpMs: 400, measureMs: 3_000 };
    const atLeast = [0, 0, 0, 0];
    let seen = 0;
    const { latencyMs } = simulate(scenario, drawTrace(scenario, 4), twoChoicesOfTheTruth, {
      onSample: (nowNs, fleet) => {
        if (nowNs < 400e6) return;
        for (const { size } of fleet.servers) {
          seen++;
          for (let i = 0; i < Math.min(size, atLeast.length); i++) atLeast[i] = (atLeast[i] as number) + 1;
        }
      },
    });
    const shares = atLeast.map((count) => count / seen);
    assertWithin(shares[0] as number, 0.7, 0.01);
    assertWithin(shares[1] as number, 0.7 ** 3, 0.02);
    assertWithin(shares[2] as number, 0.7 ** 7, 0.05);
    // Little's law over all of them; a mean over every call is steadier than looks at some moments.
    const meanSize = [1, 2, 3, 4, 5].reduce((sum, i) => sum + 0.7 ** (2 ** i - 1), 0);
    assertWithin(latencyMs.sum / latencyMs.count, (10 * meanSize) / 0.7, 0.01);
  });

  it("gives the same line for the same seed, to the last digit and on every machine (T3)", () => {
    const antagonists = {
      medianHeadroom: 1.5,
      between: 0.3,
      within: 0.2,
      dwellMs: 200,
      leastHeadroom: 0.5,
      mostHeadroom: 10,
      contendedSpeed: 0.8,
    };
    const hobbling = { share: 0.2, speed: 0.5, lastsMs: 300 };
    const machines = { cores: 6.47, antagonists, hobbling };
    const scenario = { ...quietBed, machines, replicas: 10, clients: 10, warmUpMs: 500, measureMs: 1_000 };
    const toLine = (seed: number) =>
      toCsvLine(simulate(scenario, drawTrace(scenario, seed), simulatedPolicies.yarpPo2c));
    assert.equal(toLine(5), toLine(5));
    assert.notEqual(toLine(5), toLine(6));
    assert.equal(toLine(5).split(",").length, csvHeader.split(",").length);
    // Made once on Linux; other machines and versions must come to the same.
    assert.equal(
      toCsvLine(simulate(scenario, drawTrace(scenario, 5), simulatedPolicies.oracle)),
      "quiet,oracle,5,104f650c39064fd2,706,0,81.000000,194.700000,334.940000,526.329447,5.015,22.063,23,2.369952,0.000000,1.000000,7931",
    );
  });

  it("gives all policies the same world: as many calls with the same work (common random numbers)", () => {
    const scenario = { ...quietBed, replicas: 10, clients: 10, warmUpMs: 500, measureMs: 1_000 };
    const trace = drawTrace(scenario, 7);
    const outcomes = Object.values(simulatedPolicies).map((policy) => simulate(scenario, trace, policy));
    assert.equal(new Set(outcomes.map(({ traceHash }) => traceHash)).size, 1);
    assert.equal(new Set(outcomes.map(({ calls }) => calls)).size, 1);
  });

  it("counts every call in flight once, and none that has been cancelled", () => {
    const settings = fc.record({
      load: fc.double({ min: 0.5, max: 3, noNaN: true }),
      deadlineMs: fc.integer({ min: 5, max: 400 }),
      roundTripMs: fc.integer({ min: 0, max: 60 }),
      cancels: fc.boolean(),
      failing: fc.boolean(),
      seed: fc.integer({ min: 1, max: 1000 }),
    });
    fc.assert(
      fc.property(settings, ({ load, deadlineMs, roundTripMs, cancels, failing, seed }) => {
        const scenario: Scenario = {
          ...quietBed,
          clients: 3,
          replicas: 3,
          machines: { cores: 2 },
          work: exponential(50),
          load,
          deadlineMs,
          cancels,
          network: { roundTripMs, jitter: 0.3, probeLoss: 0.1 },
          warmUpMs: 0,
          measureMs: 1_500,
          coolDownMs: 2_000,
          ...(failing ? { failing: { replicas: 1, afterMs: 1, fromMs: 300 } } : {}),
        };
        let looks = 0;
        const trace = drawTrace(scenario, seed);
        const outcome = simulate(scenario, trace, simulatedPolicies.leastLoaded, {
          onSample: (_, { servers, meters, assigned }, clients) => {
            looks++;
            const fromClients = [0, 0, 0];
            for (const { candidates } of clients) {
              for (const { replica, inFlight } of candidates) {
                assert.ok(inFlight >= 0);
                fromClients[replica] = (fromClients[replica] as number) + inFlight;
              }
            }
            servers.forEach((server, replica) => {
              const counted = meters[replica]?.requestsInFlight as number;
              // What a failing replica is about to answer is counted, but is no work.
              assert.ok(counted === server.size || (failing && replica === 0 && counted > server.size));
              assert.ok((assigned[replica] as number) >= counted);
              // Work that nobody waits for is gone within a round trip of the deadline, if it is cancelled.
              if (cancels)
                assert.ok(counted <= load * 40 * ((deadlineMs + 5 * roundTripMs) / 1000) * 10 + 40);
            });
          },
        });
        const late = trace.atNs.filter((atNs) => atNs >= 1.5e9).length;
        assert.equal(outcome.calls + late, trace.atNs.length);
        assert.equal(outcome.latencyMs.count, outcome.calls);
        assert.ok(looks > 10);
      }),
      { numRuns: 25 },
    );
  });

  it("charges replicas for probes, and forgets answers to them that come too late", () => {
    const scenario: Scenario = {
      ...bareQueue,
      clients: 4,
      replicas: 4,
      work: constant(1),
      load: 0.5,
      measureMs: 2_000,
      createServer: createProcessorSharing,
      network: { roundTripMs: 1, jitter: 0, probeLoss: 0 },
    };
    const reports = { probed: 0 };
    const asking: SimulatedPolicy = {
      name: "asking",
      create: (context) => ({
        ...simulatedPolicies.roundRobin.create(context),
        probeTargets: () => asked,
        reported: (_candidate, _nowMs, _report, probed) => {
          if (probed) reports.probed++;
        },
      }),
    };
    const asked = [{ id: "replica-0", weight: 1, inFlight: 0, replica: 0 } as SimulatedCandidate];
    const run = (changes: Partial<Scenario>) => {
      reports.probed = 0;
      const changed = { ...scenario, ...changes };
      const outcome = simulate(changed, drawTrace(changed, 8), asking);
      return { outcome, probed: reports.probed };
    };
    const free = run({});
    assert.equal(free.outcome.probes, 1);
    assert.ok(free.probed > free.outcome.calls);
    const dear = run({ probeWorkMs: 0.2 });
    assert.ok(dear.outcome.latencyMs.sum > 1.1 * free.outcome.latencyMs.sum);
    assert.equal(run({ probeTimeoutMs: 0.9 }).probed, 0);
  });
});

const twoChoicesOfTheTruth: SimulatedPolicy = {
  name: "twoChoicesOfTheTruth",
  create: ({ random, fleet }) => {
    let set: readonly SimulatedCandidate[] = [];
    return {
      name: "twoChoicesOfTheTruth",
      update: (candidates) => {
        set = [...candidates];
      },
      pick: () => {
        const [one, other] = [random.below(set.length), random.below(set.length)];
        return set[(fleet.assigned[other] as number) < (fleet.assigned[one] as number) ? other : one];
      },
    };
  },
};

function assertWithin(value: number, expected: number, tolerance: number): void {
  assert.ok(
    Math.abs(value / expected - 1) <= tolerance,
    `${value} is not within ${100 * tolerance} % of ${expected}`,
  );
}
