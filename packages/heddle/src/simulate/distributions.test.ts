import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import {
  bimodal,
  cappedPareto,
  clampedNormal,
  constant,
  type Distribution,
  drawExponential,
  drawNormal,
  exponential,
  normalCdf,
  resampledNormal,
} from "./distributions.ts";

describe("distributions", () => {
  const all: Record<string, Distribution> = {
    constant: constant(5),
    exponential: exponential(20),
    clampedNormal: clampedNormal(80, 80),
    resampledNormal: resampledNormal(80, 80),
    bimodal: bimodal(1, 100, 0.1),
    cappedPareto: cappedPareto(10, 1.5, 1000),
  };
  for (const [name, distribution] of Object.entries(all)) {
    it(`${name} has the mean that it says, and nothing below 0`, () => {
      const values = draw(distribution, 200_000);
      assert.ok(Math.min(...values.slice(0, 50_000)) >= 0);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      assertWithin(mean, distribution.mean, 0.02);
    });
  }

  it("reads the work of the paper's test bed as clamped, not as drawn again: p90 / p50 tells (T1)", () => {
    const [clamped, resampled] = [clampedNormal(80, 80), resampledNormal(80, 80)].map((distribution) => {
      const sorted = draw(distribution, 200_000).sort((a, b) => a - b);
      return (q: number) => sorted[Math.floor(q * sorted.length)] as number;
    }) as [(q: number) => number, (q: number) => number];
    assertWithin(clamped(0.9) / clamped(0.5), 2.28, 0.01);
    assertWithin(clamped(0.99) / clamped(0.5), 3.33, 0.01);
    assertWithin(resampled(0.9) / resampled(0.5), 1.98, 0.01);
  });

  it("draws exponential and normal values with the right moments", () => {
    const random = createSeededRandom(3);
    const normal = Array.from({ length: 200_000 }, () => drawNormal(random));
    const square = normal.reduce((sum, value) => sum + value * value, 0) / normal.length;
    assertWithin(square, 1, 0.01);
    const exponentials = Array.from({ length: 200_000 }, () => drawExponential(random));
    assertWithin(exponentials.filter((value) => value > 1).length / exponentials.length, Math.exp(-1), 0.01);
  });

  it("knows the normal distribution", () => {
    for (const [z, p] of [
      [0, 0.5],
      [1, 0.8413447460685429],
      [-1, 0.15865525393145707],
      [3.0902323061678132, 0.999],
    ] as const) {
      assert.ok(Math.abs(normalCdf(z) - p) < 1e-12);
    }
  });
});

function draw(distribution: Distribution, count: number): number[] {
  const random = createSeededRandom(1);
  return Array.from({ length: count }, () => distribution.draw(random));
}

function assertWithin(value: number, expected: number, tolerance: number): void {
  assert.ok(
    Math.abs(value / expected - 1) <= tolerance,
    `${value} is not within ${100 * tolerance} % of ${expected}`,
  );
}
