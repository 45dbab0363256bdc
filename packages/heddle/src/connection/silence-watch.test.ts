import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { type Signs, SilenceWatch } from "./silence-watch.ts";

/** Runs the watch as its owner does: whenever it is due. Returns what it advised, with the times. */
function run(
  watch: SilenceWatch,
  fromMs: number,
  untilMs: number,
  signsAt: (nowMs: number) => Signs,
): string[] {
  const advised: string[] = [];
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs = Math.max(nowMs + 1, Math.ceil(watch.nextMs))) {
    const advice = watch.check(nowMs, signsAt(nowMs));
    if (advice !== "wait") advised.push(`${advice} ${nowMs}`);
  }
  return advised;
}

const silentSince = (ms: number) => (): Signs => ({ receivedAtMs: ms, dataAtMs: ms, hasCalls: true });

describe("SilenceWatch", () => {
  it("asks after a silence, and calls the peer silent when an answer is long overdue", () => {
    assert.deepEqual(run(new SilenceWatch(1000), 0, 10_000, silentSince(0)), ["ask 1000", "silent 1993"]);
  });

  it("is as patient as the answers so far tell it to be", () => {
    const silentAfter = (tookMs: readonly number[]) => {
      const watch = new SilenceWatch(1000);
      for (const [i, ms] of tookMs.entries()) {
        watch.asked(i * 10_000);
        watch.answered(i * 10_000 + ms);
      }
      const sinceMs = tookMs.length * 10_000;
      const advised = run(watch, sinceMs, sinceMs + 60_000, silentSince(sinceMs));
      return Number(advised[1]?.slice("silent ".length)) - Number(advised[0]?.slice("ask ".length));
    };
    const quick = silentAfter(Array<number>(100).fill(2));
    assert.ok(quick > 600 && quick < 850, String(quick));
    const pausing = silentAfter(Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? 700 : 5)));
    assert.ok(pausing > 1200, String(pausing));
  });

  it("takes what others have asked for a question too: then it has not to ask itself", () => {
    const watch = new SilenceWatch(1000);
    watch.asked(5);
    const advised = run(watch, 0, 10_000, silentSince(0));
    assert.deepEqual(advised, ["silent 998"]);
    const off = new SilenceWatch(Number.POSITIVE_INFINITY);
    off.asked(5);
    assert.equal(off.check(100_000, silentSince(0)()), "wait");
  });

  it("counts from the first call, not from what arrived before it", () => {
    const watch = new SilenceWatch(1000);
    run(watch, 0, 9_000, () => ({ receivedAtMs: 0, dataAtMs: 0, hasCalls: false }));
    assert.deepEqual(run(watch, 9_500, 13_000, silentSince(0)), ["ask 10500", "silent 11493"]);
  });

  it("asks a peer that answers without data less and less often", () => {
    let receivedAtMs = 0;
    const watch = new SilenceWatch(100);
    const asked = run(watch, 0, 4_000, (nowMs) => {
      // It answers at once what was asked at the last look.
      receivedAtMs = nowMs;
      return { receivedAtMs, dataAtMs: 0, hasCalls: true };
    });
    assert.deepEqual(asked, [], "one that always speaks is never asked");
    const quiet = new SilenceWatch(100);
    let answeredAtMs = 0;
    const times: number[] = [];
    for (let nowMs = 0; nowMs <= 6_000; nowMs++) {
      if (nowMs < quiet.nextMs) continue;
      const advice = quiet.check(nowMs, { receivedAtMs: answeredAtMs, dataAtMs: 0, hasCalls: true });
      assert.notEqual(advice, "silent");
      if (advice !== "ask") continue;
      times.push(nowMs);
      answeredAtMs = nowMs + 1;
    }
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    assert.ok((gaps[0] ?? 0) < 400 && gaps.every((gap) => gap <= 1_200), gaps.join());
    assert.ok((gaps.at(-1) ?? 0) >= 1_000, gaps.join());
  });

  it("gives one that was held up itself a second look", () => {
    const watch = new SilenceWatch(1000);
    assert.deepEqual(run(watch, 0, 1_000, silentSince(0)), ["ask 1000"]);
    // The timer runs 30 s late; the answer lies unread in the socket.
    assert.equal(watch.check(31_000, silentSince(0)()), "wait");
    assert.equal(watch.check(31_020, { receivedAtMs: 31_010, dataAtMs: 0, hasCalls: true }), "wait");
  });

  it("never calls one silent that is heard of within the silence, whatever the pauses", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 990 }), { minLength: 5, maxLength: 60 }), (pauses) => {
        const watch = new SilenceWatch(1000);
        let receivedAtMs = 0;
        let nowMs = 0;
        for (const pause of pauses) {
          for (const untilMs = nowMs + pause; nowMs < untilMs; nowMs++) {
            if (nowMs < watch.nextMs) continue;
            assert.equal(
              watch.check(nowMs, { receivedAtMs, dataAtMs: receivedAtMs, hasCalls: true }),
              "wait",
            );
          }
          receivedAtMs = nowMs;
        }
      }),
    );
  });
});
