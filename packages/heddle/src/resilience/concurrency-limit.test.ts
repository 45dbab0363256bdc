import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ConcurrencyLimit, limitSettings, OverloadEvidence } from "./concurrency-limit.ts";

/**
 * A server that does `width` calls at a time, 10 ms each, asked by as many callers as the limit lets through, at most
 * `callers`. Returns the limit once a second.
 */
function play(limit: ConcurrencyLimit, callers: number, width: number, fromMs: number, seconds: number) {
  const limits: number[] = [];
  for (let nowMs = fromMs; nowMs < fromMs + seconds * 1000; ) {
    const inFlight = Math.min(callers, limit.limit);
    const latencyMs = 10 * Math.max(1, inFlight / width);
    // That many end in ten milliseconds.
    const ended = Math.max(1, Math.round(inFlight * (10 / latencyMs)));
    for (let n = 0; n < ended; n++) limit.ended(nowMs, latencyMs, inFlight, latencyMs > 50);
    nowMs += 10;
    if (nowMs % 1000 === 0) limits.push(limit.limit);
  }
  return limits;
}

const always = limitSettings({ engage: "always" });

describe("concurrency limit", () => {
  it("grows to its maximum while answers take no longer", () => {
    const limit = new ConcurrencyLimit(always, 16, 0);
    const limits = play(limit, 5000, 5000, 0, 8);
    assert.ok((limits[0] as number) > 60 && (limits[2] as number) > 250, limits.join());
    assert.equal(limits.at(-1), 1000);
  });

  it("finds what a server can do, near its width, and stays there", () => {
    const limit = new ConcurrencyLimit(always, 16, 0);
    const limits = play(limit, 5000, 100, 0, 120).slice(20);
    assert.ok(Math.max(...limits) < 300 && Math.min(...limits) >= 90, limits.join());
  });

  it("begun in the middle of an overload it comes down to where calls are not dropped", () => {
    const limit = new ConcurrencyLimit(always, 1000, 0);
    const limits = play(limit, 5000, 100, 0, 60).slice(10);
    assert.ok(Math.max(...limits) < 550 && Math.min(...limits) >= 90, limits.join());
  });

  it("does not move while it is not used", () => {
    const limit = new ConcurrencyLimit(always, 100, 0);
    play(limit, 49, 10, 0, 5);
    assert.equal(limit.limit, 100);
  });

  it("shrinks by a tenth for each window with drops, and no lower than the minimum", () => {
    const limit = new ConcurrencyLimit(always, 100, 0);
    for (let n = 0; n < 10; n++) limit.ended(0, -1, 100, true);
    assert.equal(limit.limit, 90);
    for (let n = 0; n < 10; n++) limit.ended(99, -1, 100, true);
    assert.equal(limit.limit, 90, "the window is not over");
    for (let nowMs = 100; nowMs < 10_000; nowMs += 10) limit.ended(nowMs, -1, 100, true);
    assert.equal(limit.limit, 16);
  });

  it("is over after five seconds without drops, where it is for overload", () => {
    const limit = new ConcurrencyLimit(limitSettings(), 100, 0);
    limit.ended(1000, -1, 100, true);
    limit.ended(5999, 10, 100, false);
    assert.equal(limit.isOver(5999), false);
    assert.equal(limit.isOver(6000), true);
    assert.equal(new ConcurrencyLimit(always, 100, 0).isOver(1e9), false);
  });

  it("is always a whole number within its bounds, whatever it is told", () => {
    const event = fc.record({
      gapMs: fc.nat({ max: 200 }),
      latencyMs: fc.oneof(fc.constant(-1), fc.double({ min: 0, max: 1e6, noNaN: true })),
      inFlight: fc.nat({ max: 5000 }),
      dropped: fc.boolean(),
      times: fc.nat({ max: 20 }),
    });
    const bounds = fc.record({ minimum: fc.integer({ min: 1, max: 50 }), span: fc.nat({ max: 2000 }) });
    fc.assert(
      fc.property(bounds, fc.nat({ max: 3000 }), fc.array(event), ({ minimum, span }, first, events) => {
        const maximum = minimum + span;
        const limit = new ConcurrencyLimit(limitSettings({ minimum, maximum, initial: minimum }), first, 0);
        let nowMs = 0;
        for (const { gapMs, latencyMs, inFlight, dropped, times } of events) {
          nowMs += gapMs;
          for (let n = 0; n < times; n++) limit.ended(nowMs, latencyMs, inFlight, dropped);
          assert.ok(Number.isInteger(limit.limit) && limit.limit >= minimum && limit.limit <= maximum);
        }
      }),
    );
  });

  it("refuses settings that make no sense", () => {
    for (const options of [
      { minimum: 0 },
      { minimum: 10, maximum: 5 },
      { initial: 0 },
      { tolerance: 0.9 },
      { maxWaitMs: -1 },
    ])
      assert.throws(() => limitSettings(options), RangeError);
  });
});

describe("evidence of overload", () => {
  it("ten drops in a second that are a tenth of the calls", () => {
    const evidence = new OverloadEvidence();
    for (let n = 1; n < 10; n++) assert.equal(evidence.dropped(0, n * 10), false);
    assert.equal(evidence.dropped(999, 100), true);
  });

  it("not fewer, not a smaller share, not over a longer time", () => {
    const rare = new OverloadEvidence();
    for (let n = 1; n < 100; n++) assert.equal(rare.dropped(n, n * 12 + 200), false, `${n}`);
    const slow = new OverloadEvidence();
    for (let n = 1; n < 100; n++) assert.equal(slow.dropped(n * 112, n), false);
  });
});
