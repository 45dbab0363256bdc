import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createLoadMeter } from "./load-meter.ts";

describe("LoadMeter", () => {
  it("counts calls in flight down to zero whatever becomes of them", () => {
    const outcome = fc.constantFrom("ok" as const, "failed" as const, "cancelled" as const);
    fc.assert(
      fc.property(fc.array(fc.option(outcome)), (steps) => {
        const meter = createLoadMeter();
        const running: number[] = [];
        let nowMs = 0;
        for (const end of steps) {
          nowMs++;
          if (end === null) running.push(meter.arrived(nowMs));
          else if (running.length > 0) meter.ended(nowMs, 5, running.shift() as number, end);
          assert.equal(meter.requestsInFlight, running.length);
          const { latencyMs, requestsInFlight } = meter.report(nowMs);
          assert.equal(requestsInFlight, running.length);
          assert.ok(latencyMs === -1 || latencyMs > 0, "never 0");
        }
        for (const tag of running) meter.ended(nowMs, 5, tag, "cancelled");
        assert.equal(meter.requestsInFlight, 0);
      }),
    );
  });

  it("reports the median of samples that met about as many", () => {
    const meter = createLoadMeter();
    for (const latencyMs of [10, 30, 20]) meter.ended(0, latencyMs, 0, "ok");
    for (const latencyMs of [200, 300, 250]) meter.ended(0, latencyMs, 8, "ok");
    assert.equal(meter.report(1).latencyMs, 20);
    for (let i = 0; i < 8; i++) meter.arrived(1);
    assert.equal(meter.report(1).latencyMs, 250);
  });

  it("does not believe one call that had nothing to do", () => {
    const meter = createLoadMeter();
    for (const latencyMs of [80, 90, 85]) meter.ended(0, latencyMs, 3, "ok");
    meter.ended(0, 0.01, 0, "ok");
    assert.ok(meter.report(0).latencyMs > 20);
  });

  it("does not believe that it is fast when the only calls that end are those with nothing to do", () => {
    const meter = createLoadMeter();
    for (let i = 0; i < 100; i++) meter.arrived(0);
    for (let nowMs = 100; nowMs <= 1000; nowMs += 10) meter.ended(nowMs, 0.01, meter.arrived(nowMs), "ok");
    assert.ok(
      Math.abs(meter.report(1000).latencyMs - 500) < 1,
      "half of the second that the others have lasted",
    );
  });

  it("prefers the newest of them", () => {
    const meter = createLoadMeter({ medianOf: 3 });
    for (const latencyMs of [10, 10, 10, 10, 90, 90, 90]) meter.ended(0, latencyMs, 0, "ok");
    assert.equal(meter.report(0).latencyMs, 90);
  });

  it("scales the nearest where none is near, up after a jump and down after a fall", () => {
    const meter = createLoadMeter();
    meter.ended(0, 10, 1, "ok");
    meter.ended(0, 80, 15, "ok");
    for (let i = 0; i < 39; i++) meter.arrived(0);
    assert.equal(meter.report(0).latencyMs, (80 * 40) / 16);
    const idle = createLoadMeter();
    idle.ended(0, 80, 15, "ok");
    assert.equal(idle.report(0).latencyMs, 5);
  });

  it("takes stale samples only where there is no fresh one", () => {
    const meter = createLoadMeter();
    meter.ended(0, 10, 0, "ok");
    assert.equal(meter.report(60_000).latencyMs, 10);
    meter.ended(60_000, 60, 2, "ok");
    assert.equal(meter.report(60_000).latencyMs, 20, "scaled, though the stale one is nearer");
  });

  it("does not know a latency before a call has succeeded", () => {
    const meter = createLoadMeter();
    assert.equal(meter.report(0).latencyMs, -1);
    meter.ended(1, 0.01, meter.arrived(0), "failed");
    meter.ended(1, 5, meter.arrived(0), "cancelled");
    assert.equal(meter.report(1).latencyMs, -1);
  });

  it("tells rates per second, early and in the long run", () => {
    const meter = createLoadMeter();
    assert.equal(meter.report(0).requestsPerSecond, 0);
    for (let nowMs = 0; nowMs <= 100_000; nowMs += 10) {
      meter.ended(nowMs, 1, meter.arrived(nowMs), nowMs % 40 === 0 ? "failed" : "ok");
      if (nowMs === 2000 || nowMs === 100_000) {
        const { requestsPerSecond, errorsPerSecond } = meter.report(nowMs);
        assert.ok(Math.abs(requestsPerSecond - 100) < 2, `${requestsPerSecond}/s`);
        assert.ok(Math.abs(errorsPerSecond - 25) < 2, `${errorsPerSecond}/s`);
      }
    }
    assert.ok(meter.report(200_000).requestsPerSecond < 0.01);
  });

  it("tells the truth after hours of never being idle, with most calls untimed", () => {
    const meter = createLoadMeter();
    const arrivals: { atMs: number; tag: number }[] = [];
    for (let nowMs = 0; nowMs < 10_000_000; nowMs += 100) {
      arrivals.push({ atMs: nowMs, tag: meter.arrived(nowMs) });
      if (arrivals.length <= 3) continue;
      const { atMs, tag } = arrivals.shift() as { atMs: number; tag: number };
      if (nowMs % 800 === 0) meter.ended(nowMs, nowMs - atMs, tag, "ok");
      // Its end is known only as that of the last one that was timed.
      else meter.endedUntimed(nowMs - (nowMs % 800), atMs, "ok");
    }
    assert.equal(meter.report(10_000_000).latencyMs, 300);
  });

  it("counts what has been done: an instance that drowns is not productive", () => {
    const meter = createLoadMeter();
    for (let nowMs = 0; nowMs < 20_000; nowMs += 10) {
      const tag = meter.arrived(nowMs);
      if (nowMs % 100 === 0) meter.ended(nowMs, 5, tag, "ok");
      else if (nowMs % 20 === 0) meter.ended(nowMs, 5000, tag, "cancelled");
    }
    assert.ok(Math.abs(meter.report(20_000).requestsPerSecond - 10) < 1);
  });

  it("tells at once that it has begun to fail, whatever was before and however few try it", () => {
    const meter = createLoadMeter();
    for (let nowMs = 0; nowMs < 60_000; nowMs += 10) meter.ended(nowMs, 1, meter.arrived(nowMs), "ok");
    for (let i = 0; i < 25; i++) meter.ended(60_000, 1, meter.arrived(60_000), "failed");
    const { requestsPerSecond, errorsPerSecond } = meter.report(70_000);
    assert.ok(errorsPerSecond > requestsPerSecond / 2);
  });

  it("passes on the utilization it was given", () => {
    const meter = createLoadMeter();
    assert.equal(meter.report(0).utilization, -1);
    meter.utilization = 0.4;
    assert.equal(meter.report(0).utilization, 0.4);
  });
});
