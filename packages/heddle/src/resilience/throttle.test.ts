import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import { Throttle, throttleSettings } from "./throttle.ts";

/** `perSecond` calls for `seconds`, of which the service can do `capacity` a second and refuses the others. */
function play(throttle: Throttle, fromMs: number, seconds: number, perSecond: number, capacity: number) {
  const sent: number[] = [];
  const accepted: number[] = [];
  for (let second = 0; second < seconds; second++) {
    let sentNow = 0;
    let acceptedNow = 0;
    for (let call = 0; call < perSecond; call++) {
      const nowMs = fromMs + second * 1000 + (call * 1000) / perSecond;
      if (!throttle.tryAdmit(nowMs)) continue;
      sentNow++;
      if (acceptedNow < capacity) acceptedNow++;
      else throttle.refused(nowMs);
    }
    sent.push(sentNow);
    accepted.push(acceptedNow);
  }
  return { sent, accepted };
}

const create = (options = {}) => new Throttle(throttleSettings(options), createSeededRandom(1));

describe("client-side throttling", () => {
  it("lets everything through while nothing is refused", () => {
    const { sent } = play(create(), 0, 60, 500, 500);
    assert.ok(sent.every((count) => count === 500));
  });

  it("lets through a few refusals: half of the calls may be refused", () => {
    const throttle = create();
    const { sent } = play(throttle, 0, 60, 100, 60);
    assert.equal(throttle.rejectProbability, 0);
    assert.ok(sent.every((count) => count === 100));
  });

  it("at ten times the capacity sends about twice what is accepted, and what is accepted stays the capacity", () => {
    const { sent, accepted } = play(create(), 0, 120, 1000, 100);
    const last = sent.slice(60);
    const mean = last.reduce((sum, count) => sum + count, 0) / last.length;
    assert.ok(mean > 170 && mean < 240, `${mean} a second`);
    assert.ok(
      accepted.slice(60).every((count) => count >= 95),
      accepted.join(),
    );
  });

  it("sends the floor although everything is refused", () => {
    const { sent } = play(create(), 0, 120, 1000, 0);
    assert.ok(
      sent.slice(1).every((count) => count >= 10),
      sent.join(),
    );
    assert.ok(
      sent.slice(60).every((count) => count < 20),
      sent.join(),
    );
  });

  it("is back to normal soon after the service is", () => {
    const throttle = create();
    play(throttle, 0, 60, 1000, 0);
    const { sent } = play(throttle, 60_000, 60, 1000, 1000);
    const wholeAfter = sent.findIndex((count) => count === 1000);
    assert.ok(wholeAfter > 0 && wholeAfter <= 10, `after ${wholeAfter} s`);
  });

  it("forgets what is older than the window", () => {
    const throttle = create({ minPerSecond: 0 });
    play(throttle, 0, 10, 100, 0);
    assert.ok(throttle.rejectProbability > 0.9);
    assert.equal(throttle.tryAdmit(9999 + 31_000), true);
    assert.equal(throttle.rejectProbability, 0);
  });

  it("always sends the floor, and counts right, whatever happens", () => {
    const step = fc.record({ gapMs: fc.nat({ max: 400 }), calls: fc.nat({ max: 30 }), refuse: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer(),
        fc.nat({ max: 20 }),
        (steps, seed, minPerSecond) => {
          const throttle = new Throttle(throttleSettings({ minPerSecond }), createSeededRandom(seed));
          let nowMs = 0;
          const asked = new Map<number, number>();
          const sent = new Map<number, number>();
          const add = (counts: Map<number, number>) => {
            const second = Math.floor(nowMs / 1000);
            counts.set(second, (counts.get(second) ?? 0) + 1);
          };
          for (const { gapMs, calls, refuse } of steps) {
            nowMs += gapMs;
            for (let n = 0; n < calls; n++) {
              add(asked);
              if (!throttle.tryAdmit(nowMs)) continue;
              add(sent);
              if (refuse) throttle.refused(nowMs);
            }
            const { rejectProbability } = throttle;
            assert.ok(rejectProbability >= 0 && rejectProbability < 1, `${rejectProbability}`);
          }
          for (const [second, count] of asked)
            assert.ok((sent.get(second) ?? 0) >= Math.min(count, minPerSecond));
        },
      ),
    );
  });

  it("refuses settings that make no sense", () => {
    for (const options of [{ k: 0.5 }, { windowMs: 0 }, { minPerSecond: -1 }])
      assert.throws(() => throttleSettings(options), RangeError);
  });
});
