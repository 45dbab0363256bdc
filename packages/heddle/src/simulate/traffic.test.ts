import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandomStreams } from "./random-streams.ts";
import { drawArrivals, drawClients, type Traffic } from "./traffic.ts";

describe("traffic", () => {
  const untilMs = 100_000;
  const perSecond = 1000;
  const kinds: Record<string, Traffic> = {
    steady: { kind: "steady" },
    bursts: { kind: "bursts", factor: 3, burstMs: 50, calmMs: 200 },
    wave: { kind: "wave", swing: 0.5, periodMs: 10_000 },
  };
  for (const [name, traffic] of Object.entries(kinds)) {
    it(`${name}: comes in order, at the rate asked for on average`, () => {
      const times = drawArrivals(traffic, perSecond, untilMs, createRandomStreams(1));
      assert.ok(Math.abs(times.length / 100_000 - 1) < 0.02, `${times.length} calls`);
      assert.ok(times.every((time, i) => i === 0 || time >= (times[i - 1] as number)));
      assert.ok((times.at(-1) as number) < untilMs * 1e6);
    });
  }

  it("is burstier where it is asked to be: variance over mean of the calls in a tenth of a second", () => {
    const dispersion = (traffic: Traffic) => {
      const counts = Array.from({ length: 1000 }, () => 0);
      for (const time of drawArrivals(traffic, perSecond, untilMs, createRandomStreams(2))) {
        const slot = Math.floor(time / 100e6);
        counts[slot] = (counts[slot] as number) + 1;
      }
      const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
      return counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length / mean;
    };
    const steady = dispersion({ kind: "steady" });
    assert.ok(steady > 0.85 && steady < 1.15, `Poisson has 1, not ${steady}`);
    assert.ok(dispersion({ kind: "bursts", factor: 3, burstMs: 50, calmMs: 200 }) > 5);
  });

  it("triples for a while in a flash", () => {
    const flash = { kind: "flash", factor: 3, fromMs: 40_000, toMs: 50_000 } as const;
    const times = drawArrivals(flash, perSecond, untilMs, createRandomStreams(3));
    const inFlash = times.filter((time) => time >= 40e9 && time < 50e9).length;
    assert.ok(Math.abs(inFlash / 30_000 - 1) < 0.03);
    assert.ok(Math.abs((times.length - inFlash) / 90_000 - 1) < 0.03);
  });

  it("gives clients equal shares, or those of Zipf's law", () => {
    const share = (skew: number, client: number) =>
      drawClients(100_000, 10, skew, createRandomStreams(4)).filter((one) => one === client).length / 100_000;
    assert.ok(Math.abs(share(0, 0) - 0.1) < 0.005);
    const harmonic = Array.from({ length: 10 }, (_, i) => 1 / (i + 1)).reduce((sum, term) => sum + term);
    assert.ok(Math.abs(share(1, 0) - 1 / harmonic) < 0.01);
    assert.ok(Math.abs(share(1, 9) - 0.1 / harmonic) < 0.005);
  });
});
