import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import {
  type Behaviour,
  createEjectionWorld,
  during,
  failing,
  failingShare,
  well,
} from "./ejection-world.test.ts";
import { type AttemptVerdict, OutlierDetector } from "./outlier-ejection.ts";
import { type OutlierOptions, outlierSettings } from "./outlier-settings.ts";
import type { Standing } from "./outlier-standing.ts";

function createSet(size: number, options: OutlierOptions = {}) {
  const detector = new OutlierDetector(outlierSettings({ jitter: 0, ...options }), createSeededRandom(1));
  const standings = Array.from({ length: size }, (_, i) => detector.join(String(i)));
  detector.resize(size, 0);
  const end = (i: number, nowMs: number, verdict: AttemptVerdict, isTrial = false, latencyMs = 1) =>
    detector.ended(standings[i] as Standing, nowMs, latencyMs, verdict, isTrial);
  const fail = (i: number, nowMs: number, times = 5) => {
    for (let n = 0; n < times; n++) end(i, nowMs, "failed");
  };
  const states = () => standings.map(({ state }) => state);
  return { detector, standings, end, fail, states };
}

const nth = (standings: readonly Standing[], i: number): Standing => standings[i] as Standing;

describe("outlier ejection", () => {
  it("ejects after five failures in a row, and a success in between starts the count anew", () => {
    const { end, fail, states } = createSet(3);
    fail(0, 0, 4);
    end(0, 1, "ok");
    fail(0, 2, 4);
    assert.deepEqual(states(), ["in", "in", "in"]);
    fail(0, 3, 1);
    assert.deepEqual(states(), ["out", "in", "in"]);
  });

  it("called off, answered with the caller's own fault: says nothing against the instance", () => {
    const { end, fail, states } = createSet(3);
    fail(0, 0, 4);
    for (let n = 0; n < 100; n++) end(0, 1, "neither");
    assert.equal(states()[0], "in");
  });

  it("time that ran out counts when others would have answered in half of it", () => {
    const { end, states } = createSet(3);
    for (let n = 0; n < 20; n++) end(1, 0, "ok", false, 100);
    for (let n = 0; n < 50; n++) end(0, 1, "late", false, 150);
    assert.equal(states()[0], "in", "others take 100 ms: 150 ms is not long enough to tell");
    for (let n = 0; n < 5; n++) end(0, 2, "late", false, 200);
    assert.equal(states()[0], "out");
  });

  it("one call decides on the return; others that are still under way do not", () => {
    const { detector, standings, end, fail, states } = createSet(3);
    fail(0, 0);
    assert.equal(detector.dueMs, 1000);
    assert.equal(detector.pass(999), false);
    assert.equal(detector.trialDue, undefined);
    assert.equal(detector.pass(1000), true);
    assert.equal(detector.trialDue, standings[0]);
    detector.beginTrial(nth(standings, 0), 1000);
    assert.equal(detector.trialDue, undefined);
    end(0, 1001, "failed", false, 1500);
    end(0, 1001, "ok", false, 1500);
    assert.equal(states()[0], "trying", "both were sent before it was ejected");
    end(0, 1002, "ok", true);
    assert.equal(states()[0], "in");
  });

  it("a trial that is called off is made again; one that fails sends it out for twice as long", () => {
    const { detector, standings, end, fail } = createSet(3);
    fail(0, 0);
    detector.pass(1000);
    detector.beginTrial(nth(standings, 0), 1000);
    end(0, 1001, "neither", true);
    assert.equal(detector.trialDue, standings[0]);
    const lengths: number[] = [];
    for (let nowMs = 1001, n = 0; n < 7; n++) {
      detector.beginTrial(nth(standings, 0), nowMs);
      end(0, nowMs, "failed", true);
      lengths.push(detector.dueMs - nowMs);
      nowMs = detector.dueMs;
      detector.pass(nowMs);
    }
    assert.deepEqual(lengths, [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("forgives one ejection with each interval that it stayed in", () => {
    const { detector, standings, end, fail } = createSet(3);
    const cycle = (nowMs: number) => {
      fail(0, nowMs);
      const lengthMs = detector.dueMs - nowMs;
      detector.pass(detector.dueMs);
      detector.beginTrial(nth(standings, 0), nowMs + lengthMs);
      end(0, nowMs + lengthMs, "ok", true);
      return lengthMs;
    };
    assert.deepEqual([cycle(0), cycle(1000), cycle(3000)], [1000, 2000, 4000]);
    assert.equal(cycle(7000 + 9999), 8000, "not a whole interval");
    assert.equal(cycle(24_999 + 20_000), 4000, "two intervals");
    assert.equal(cycle(48_999 + 1_000_000), 1000, "all forgotten");
  });

  it("a trial that neither fails nor ends lets it back in, one failure from leaving", () => {
    const { detector, standings, fail, states } = createSet(3);
    fail(0, 0);
    detector.pass(1000);
    detector.beginTrial(nth(standings, 0), 1000);
    detector.pass(31_000);
    assert.equal(states()[0], "in");
    fail(0, 31_001, 1);
    assert.equal(states()[0], "out");
  });

  it("ejects nobody while all fail, and does when one of them works", () => {
    const { end, fail, states } = createSet(4);
    for (let nowMs = 0; nowMs < 100; nowMs++) for (let i = 0; i < 4; i++) fail(i, nowMs, 1);
    assert.deepEqual(states(), ["in", "in", "in", "in"]);
    end(3, 100, "ok");
    for (let i = 0; i < 3; i++) fail(i, 101, 1);
    assert.deepEqual(states(), ["out", "out", "in", "in"], "half of them at most");
  });

  it("when one that failed recovers, those that are out are tried at once", () => {
    const { detector, standings, end, fail } = createSet(4);
    fail(0, 0);
    end(3, 1, "ok");
    fail(1, 1);
    fail(2, 1);
    assert.equal(nth(standings, 2).state, "in", "no more may be out");
    end(2, 2, "ok");
    assert.equal(detector.trialDue, standings[0]);
    assert.equal(nth(standings, 1).state, "due");
  });

  it("counts those that are left out for other reasons", () => {
    const { detector, fail, states } = createSet(4);
    detector.resize(4, 2);
    fail(0, 0, 50);
    assert.equal(states()[0], "in");
    detector.resize(4, 1);
    fail(0, 1, 1);
    assert.equal(states()[0], "out");
  });

  it("believes what an instance says of itself, unless most say so or a call of ours went well there", () => {
    const { detector, standings, end, fail } = createSet(4);
    const report = (i: number, errors: number) => detector.reported(nth(standings, i), 0, 100, errors);
    assert.equal(report(0, 51), false, "as long as no call of ours has gone well anywhere");
    end(1, 0, "ok");
    assert.equal(report(0, 50), false, "half of its calls: not most");
    end(0, 0, "ok");
    assert.equal(report(0, 51), false, "ours go well there");
    fail(0, 0, 1);
    assert.equal(report(0, 51), true, "and now one did not");
    assert.match(nth(standings, 0).because, /reports/);
    for (const i of [1, 2, 3]) report(i, 90);
    assert.equal(nth(standings, 3).state, "in");
    assert.equal(detector.reported(nth(standings, 3), 0, 0.05, 0.05), false, "of hardly any calls");
  });

  it("spends no call on one that is due and says that it has failed others meanwhile", () => {
    const { detector, standings, fail } = createSet(3);
    const report = (nowMs: number, errors: number) =>
      detector.reported(nth(standings, 0), nowMs, errors / 0.9, errors);
    fail(0, 0);
    report(500, 90);
    assert.equal(detector.dueMs, 1000, "not before its time is over");
    detector.pass(1000);
    assert.equal(report(1001, 91), true);
    assert.deepEqual([detector.trialDue, detector.dueMs], [undefined, 3001]);
    detector.pass(3001);
    assert.equal(report(3002, 91 * Math.exp(-0.2)), false, "nobody has called it: what it says is old");
    assert.equal(detector.trialDue, standings[0]);
  });

  it("one that has reconnected is back at once, one failure from leaving", () => {
    const { detector, standings, fail, states } = createSet(3);
    fail(0, 0);
    assert.equal(detector.reconnected(nth(standings, 1), 10), false);
    assert.equal(detector.reconnected(nth(standings, 0), 10), true);
    assert.equal(states()[0], "in");
    fail(0, 11, 1);
    assert.equal(states()[0], "out");
  });

  it("in a panic, calls that go to it all the same may bring it back", () => {
    const { end, fail, states } = createSet(3);
    fail(0, 0);
    end(0, 10, "failed", false, 5);
    assert.equal(states()[0], "out");
    end(0, 11, "ok", false, 5);
    assert.equal(states()[0], "in");
  });

  it("refuses settings that make no sense", () => {
    for (const options of [
      { consecutiveFailures: -1 },
      { jitter: 2 },
      { maxEjectionPercent: 101 },
      { intervalMs: 0 },
      { baseEjectionMs: Number.NaN },
      { failurePercentage: { requestVolume: -1 } },
    ])
      assert.throws(() => outlierSettings(options), RangeError);
  });
});

describe("outlier ejection as gRPC has it", () => {
  // gRFC A50's defaults, with its two algorithms.
  const grpc: OutlierOptions = {
    consecutiveFailures: 0,
    failurePercentage: false,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    growth: "linear",
    jitter: 0,
    maxEjectionPercent: 10,
    trial: false,
  };

  it("ejects by success rate at the end of an interval: mean - 1.9 standard deviations", () => {
    const { end, states } = createSet(6, { ...grpc, successRate: {} });
    const interval = (fromMs: number) => {
      for (const ms of [0, 4999, 5000]) {
        for (let n = 0; n < 100; n++) {
          for (let i = 0; i < 6; i++) end(i, fromMs + ms, i === 0 && n % 4 === 0 ? "failed" : "ok");
        }
      }
    };
    interval(0);
    assert.equal(states()[0], "in");
    end(1, 10_000, "ok");
    assert.deepEqual(states(), ["out", "in", "in", "in", "in", "in"]);
  });

  it("does not with fewer than five instances, or too few calls", () => {
    for (const [hosts, calls] of [
      [4, 100],
      [6, 99],
    ] as const) {
      const { end, states } = createSet(hosts, { ...grpc, successRate: {} });
      end(0, 0, "neither");
      for (let n = 0; n < calls; n++) for (let i = 0; i < hosts; i++) end(i, 4000, i === 0 ? "failed" : "ok");
      end(1, 5000, "neither");
      end(1, 10_000, "neither");
      assert.equal(states()[0], "in");
    }
  });

  it("ejects by failure percentage above 85 % of at least 50 calls, for 30 s, 60 s, … up to 300 s", () => {
    const failurePercentage = { thresholdPercent: 85, timesOthers: 0, minimumHosts: 5, requestVolume: 50 };
    const { detector, end, states } = createSet(6, { ...grpc, failurePercentage });
    let nowMs = 0;
    const lengths: number[] = [];
    for (let round = 0; round < 12; round++) {
      // Nothing fails before all have enough calls to be compared.
      for (let n = 0; n < 50; n++) for (let i = 1; i < 6; i++) end(i, nowMs, "ok");
      for (let n = 0; n < 49; n++) end(0, nowMs, "failed");
      assert.equal(states()[0], "in");
      end(0, nowMs, "failed");
      assert.equal(states()[0], "out");
      lengths.push(detector.dueMs - nowMs);
      nowMs = detector.dueMs;
      detector.pass(nowMs);
      assert.equal(states()[0], "in", "without a trial");
    }
    assert.deepEqual(lengths.slice(0, 3), [30_000, 60_000, 90_000]);
    assert.deepEqual(lengths.slice(9), [300_000, 300_000, 300_000]);
  });

  it("enforces as often as it is told", () => {
    let out = 0;
    for (let seed = 0; seed < 200; seed++) {
      const world = createEjectionWorld([failing, ...Array.from({ length: 9 }, () => well)], {
        ...grpc,
        failurePercentage: { requestVolume: 1, minimumHosts: 1, enforcementPercent: 30 },
        seed,
      });
      world.run(10);
      if (world.detector.ejected > 0) out++;
    }
    assert.ok(out > 40 && out < 80, `${out} of 200`);
  });
});

describe("outlier ejection by latency", () => {
  it("ejects what takes five times as long as the median and 100 ms at least, once an interval", () => {
    const { end, states } = createSet(4, { latency: {} });
    const tell = (nowMs: number, latenciesMs: readonly number[]) => {
      for (const [i, ms] of latenciesMs.entries())
        for (let n = 0; n < 20; n++) end(i, nowMs, "ok", false, ms);
    };
    tell(0, [60, 10, 10, 10]);
    tell(5000, [60, 10, 10, 10]);
    tell(10_000, [60, 10, 10, 10]);
    assert.equal(states()[0], "in", "six times, but 60 ms only");
    tell(15_000, [600, 10, 10, 10]);
    tell(20_000, [600, 10, 10, 10]);
    assert.deepEqual(states(), ["out", "in", "in", "in"]);
  });

  it("is off by default", () => {
    assert.equal(outlierSettings().latency, false);
  });
});

describe("outlier ejection, in general", () => {
  const event = fc.record({
    gapMs: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 4000 })),
    who: fc.nat({ max: 11 }),
    verdict: fc.constantFrom<AttemptVerdict>("ok", "failed", "failed", "failed", "late", "neither"),
    kind: fc.constantFrom("call", "call", "call", "trial", "report", "reconnect"),
  });
  const options = fc.record({
    size: fc.integer({ min: 1, max: 12 }),
    unavailable: fc.nat({ max: 3 }),
    consecutiveFailures: fc.nat({ max: 5 }),
    maxEjectionPercent: fc.constantFrom(0, 10, 30, 50, 100),
    trial: fc.boolean(),
    growth: fc.constantFrom("doubling" as const, "linear" as const),
  });

  it("never has more out than the share, never all, and none for longer than the maximum", () => {
    fc.assert(
      fc.property(
        options,
        fc.array(event, { maxLength: 400 }),
        ({ size, unavailable, ...settings }, events) => {
          const { detector, standings, end } = createSet(size, {
            ...settings,
            successRate: { requestVolume: 3, minimumHosts: 2 },
            latency: { requestVolume: 2, minimumMs: 0 },
          });
          detector.resize(size, unavailable);
          const share = Math.max(1, Math.floor((size * Math.min(50, settings.maxEjectionPercent)) / 100));
          const most = settings.maxEjectionPercent === 0 ? 0 : Math.max(0, Math.min(share, size - 1));
          let nowMs = 0;
          for (const { gapMs, who, verdict, kind } of events) {
            nowMs += gapMs;
            detector.pass(nowMs);
            const i = who % size;
            const due = detector.trialDue;
            if (kind === "report") detector.reported(nth(standings, i), nowMs, 10, verdict === "ok" ? 0 : 9);
            else if (kind === "reconnect") detector.reconnected(nth(standings, i), nowMs);
            else if (kind === "trial" && due !== undefined) {
              detector.beginTrial(due, nowMs);
              end(standings.indexOf(due), nowMs, verdict, true);
            } else end(i, nowMs, verdict, false, gapMs);
            assert.ok(detector.ejected <= Math.max(0, most), `${detector.ejected} of ${size} are out`);
            assert.ok(detector.dueMs === Number.POSITIVE_INFINITY || detector.dueMs <= nowMs + 30_000);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("ejects hardly ever for chance: 1 % of all calls fail everywhere", () => {
    let ejections = 0;
    for (let seed = 0; seed < 5; seed++) {
      const world = createEjectionWorld(
        Array.from({ length: 10 }, () => failingShare(0.01)),
        { seed },
      );
      world.run(100_000);
      ejections += world.log.filter((line) => line.includes(" out ")).length;
    }
    assert.ok(ejections <= 50, `${ejections} in 500 000 calls`);
  });
});

describe("outlier ejection, played through", () => {
  const ten = (bad: Readonly<Record<number, Behaviour>>): Behaviour[] =>
    Array.from({ length: 10 }, (_, i) => bad[i] ?? well);
  const flapping: Behaviour = (nowMs, random) =>
    (Math.floor(nowMs / 2000) % 2 === 0 ? failing : well)(nowMs, random);
  const scenarios: readonly [string, readonly Behaviour[], number][] = [
    ["one of ten fails at once, from 1 s to 20 s", ten({ 2: during(1000, 20_000, failing) }), 40_000],
    ["one flaps: 2 s bad, 2 s well", ten({ 4: flapping }), 60_000],
    ["half of the calls to one fail", ten({ 7: failingShare(0.5) }), 20_000],
    [
      "a deploy of four of ten is bad, until 30 s",
      ten({
        0: during(0, 30_000, failing),
        1: during(0, 30_000, failing),
        2: during(0, 30_000, failing),
        3: during(0, 30_000, failing),
      }),
      45_000,
    ],
    ["what all need is gone from 1 s to 5 s", ten({}).map(() => during(1000, 5000, failing)), 10_000],
    [
      "eight of ten fail from 1 s to 12 s",
      ten({}).map((_, i) => (i < 8 ? during(1000, 12_000, failing) : well)),
      15_000,
    ],
    ["two instances, one fails", [failing, well], 8000],
    ["one instance, it fails", [failing], 1000],
  ];
  const golden = new URL("../../testdata/outlier-ejection.txt", import.meta.url);

  it("goes as in the golden file (HEDDLE_UPDATE_GOLDEN=1 writes it)", () => {
    const text = scenarios
      .map(([title, behaviours, ms]) => {
        const world = createEjectionWorld(behaviours);
        world.run(ms);
        const { log, failed, calls, mostOut, panics } = world;
        const summary = `${failed} of ${calls} calls failed; ${mostOut} out at most; ${panics} calls in panic`;
        return [title, ...log, `  ${summary}`, ""].join("\n");
      })
      .join("\n");
    if (process.env["HEDDLE_UPDATE_GOLDEN"] === "1") writeFileSync(golden, text);
    assert.equal(text, readFileSync(golden, "utf8"));
  });
});
