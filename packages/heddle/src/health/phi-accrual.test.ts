import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import { PhiAccrual } from "./phi-accrual.ts";

describe("the suspicion that silence raises", () => {
  it("is that of the paper's normal distribution, by Akka's formula", () => {
    const detector = new PhiAccrual({ minDeviationMs: 100, acceptablePauseMs: 0, samples: 2 });
    detector.sample(1000);
    detector.sample(1000);
    // −log10 of the tail: a half at the mean, 15.9 % one deviation on, 2.3 % at two, 0.13 % at three.
    const tails = [0.5, 0.1587, 0.02275, 0.00135];
    for (const [deviations, tail] of tails.entries())
      assert.ok(
        Math.abs(detector.phi(1000 + 100 * deviations) + Math.log10(tail)) < 0.05,
        String(deviations),
      );
    assert.ok(detector.phi(0) < 1e-6);
    assert.ok(Number.isFinite(detector.phi(1e9)));
  });

  it("grows with the silence, and reaches the threshold when it says so", () => {
    const history = fc.array(fc.double({ min: 0, max: 5000, noNaN: true }), { maxLength: 300 });
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 16 }), (tookMs, threshold) => {
        const detector = new PhiAccrual({ threshold });
        for (const ms of tookMs) detector.sample(ms);
        const { suspectAfterMs } = detector;
        assert.ok(detector.phi(suspectAfterMs - 1) < threshold);
        assert.ok(detector.phi(suspectAfterMs + 1e-3) >= threshold);
        let before = -1;
        for (let ms = 0; ms < 8000; ms += 500) {
          const phi = detector.phi(ms);
          assert.ok(phi >= before);
          before = phi;
        }
      }),
    );
  });

  it("forgets what is long ago, and rounding does not add up", () => {
    const random = createSeededRandom(3);
    const [long, short] = [new PhiAccrual({ samples: 50 }), new PhiAccrual({ samples: 50 })];
    for (let i = 0; i < 100_000; i++) long.sample(random.next() * 1e6);
    for (let i = 0; i < 50; i++) {
      const tookMs = random.next() * 200;
      long.sample(tookMs);
      short.sample(tookMs);
    }
    assert.ok(Math.abs(long.suspectAfterMs - short.suspectAfterMs) < 1e-3);
  });

  it("never comes at an infinite threshold", () => {
    assert.equal(
      new PhiAccrual({ threshold: Number.POSITIVE_INFINITY }).suspectAfterMs,
      Number.POSITIVE_INFINITY,
    );
  });
});

/**
 * A peer that is asked again and again, answers within a few ms, and stands still for `pauseMs` now and then. Says how
 * many questions raised a suspicion that was wrong.
 */
function askMany(seed: number, { pauseMs, pausesPerSecond }: { pauseMs: number; pausesPerSecond: number }) {
  const random = createSeededRandom(seed);
  const exponential = (mean: number) => -mean * Math.log(1 - random.next());
  const detector = new PhiAccrual();
  let nowMs = 0;
  let pauseStartsMs = exponential(1000 / pausesPerSecond);
  let pauseEndsMs = pauseStartsMs + pauseMs;
  let wrong = 0;
  const questions = 50_000;
  /** When something that becomes due at `ms` is done: after the pauses that it falls into. */
  const doneAt = (ms: number) => {
    while (ms >= pauseStartsMs) {
      if (ms < pauseEndsMs) ms = pauseEndsMs;
      pauseStartsMs = pauseEndsMs + exponential(1000 / pausesPerSecond);
      pauseEndsMs = pauseStartsMs + pauseMs;
    }
    return ms;
  };
  for (let i = 0; i < questions; i++) {
    nowMs += exponential(20);
    const tookMs = doneAt(nowMs + exponential(2)) - nowMs;
    if (tookMs >= detector.suspectAfterMs) wrong++;
    detector.sample(tookMs);
    nowMs += tookMs;
  }
  return { share: wrong / questions, suspectAfterMs: detector.suspectAfterMs };
}

describe("pauses of 200 ms for collecting garbage", () => {
  for (const pausesPerSecond of [0.05, 1, 3])
    it(`${pausesPerSecond} a second: less than one suspicion in 10 000 questions is wrong`, () => {
      for (let seed = 1; seed <= 20; seed++) {
        const { share, suspectAfterMs } = askMany(seed, { pauseMs: 200, pausesPerSecond });
        assert.ok(share < 1e-4, `seed ${seed}: ${share}`);
        assert.ok(suspectAfterMs < 1200, `and what is really dead is found within ${suspectAfterMs} ms`);
      }
    });

  it("even pauses of half a second, once in twenty, are learned before they are suspected", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { share } = askMany(seed, { pauseMs: 500, pausesPerSecond: 0.05 });
      assert.ok(share < 1e-4, `seed ${seed}: ${share}`);
    }
  });
});
