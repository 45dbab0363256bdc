import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import type { LoadReport } from "./balancer.ts";
import { createLoadScore } from "./load-score.ts";

const names = ["a", "b", "c", "d", "e"];

function createWorld() {
  const candidates = names.map((id) => ({ id, weight: 1, inFlight: 0 }));
  const balancer = createLoadScore<(typeof candidates)[number]>({ random: createSeededRandom(1) });
  balancer.update(candidates, 0);
  const report = (index: number, nowMs: number, requestsInFlight: number, latencyMs: number) => {
    const load: LoadReport = {
      requestsInFlight,
      latencyMs,
      utilization: -1,
      requestsPerSecond: 10,
      errorsPerSecond: 0,
    };
    balancer.reported(candidates[index] as (typeof candidates)[number], nowMs, load, true);
  };
  /** Who gets so many calls one after the other, none of which ends. */
  const share = (calls: number, nowMs: number): number[] => {
    for (const candidate of candidates) candidate.inFlight = 0;
    for (let i = 0; i < calls; i++) {
      const picked = balancer.pick(undefined, nowMs);
      if (picked !== undefined) picked.inFlight++;
    }
    return candidates.map(({ inFlight }) => inFlight);
  };
  return { candidates, balancer, report, share };
}

describe("load score", () => {
  it("shares calls evenly among instances whose latencies differ by chance", () => {
    const { report, share } = createWorld();
    for (let i = 0; i < 60; i++) names.forEach((_, n) => report(n, 20 * i, 0, 40 + n * 0.7));
    assert.deepEqual(share(20, 1_200), [4, 4, 4, 4, 4]);
  });

  it("does not leave one cold for a millisecond", () => {
    const { report, share } = createWorld();
    for (let i = 0; i < 60; i++) [1, 1.2, 2.6, 2.9, 2.8].forEach((ms, n) => report(n, 20 * i, 0, ms));
    assert.deepEqual(share(20, 1_200), [4, 4, 4, 4, 4]);
  });

  it("gives one that is twice as fast more, and one that is slow less", () => {
    const { report, share } = createWorld();
    for (let i = 0; i < 60; i++) [20, 40, 40, 40, 160].forEach((ms, n) => report(n, 20 * i, 0, ms));
    const [fast = 0, b = 0, , , slow = 0] = share(25, 1_200);
    assert.ok(fast > b && b > slow, `${fast}, ${b}, ${slow}`);
  });

  it("fills one that stands idle, whatever its past, while calls queue everywhere else", () => {
    const { report, share } = createWorld();
    report(0, 0, 0, 500);
    for (let i = 1; i < 10; i++)
      names.forEach((_, n) => report(n, 20 * i, n === 0 ? 0 : 9, n === 0 ? 40 : 110));
    assert.ok((share(3, 200)[0] ?? 0) >= 2);
  });

  it("comes back to one that was slow for once, when nobody has called it for some seconds", () => {
    const { report, share } = createWorld();
    for (let nowMs = 0; nowMs <= 12_000; nowMs += 100)
      names.forEach((_, n) => report(n, nowMs, 0, n === 0 ? (nowMs < 1_000 ? 400 : 2_000) : 40));
    assert.ok((share(10, 12_000)[0] ?? 0) >= 1);
  });
});
