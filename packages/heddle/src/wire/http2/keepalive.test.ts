import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DEFAULT_PERMITTED_MS, Keepalive } from "./keepalive.ts";

const EVERY_MS = 10_000;
const TIMEOUT_MS = 5000;

/**
 * Lets a peer live through the moments of `arrivals`, answering PINGs after `answerMs`, or not at all; returns when
 * PINGs went out and when the peer was given up. Between arrivals time jumps to where the machine wants to be asked.
 */
function live(
  arrivals: readonly { atMs: number; data: boolean }[],
  { answerMs = Number.POSITIVE_INFINITY, untilMs = 3_600_000, permittedMs = DEFAULT_PERMITTED_MS } = {},
) {
  const keepalive = new Keepalive({ everyMs: EVERY_MS, timeoutMs: TIMEOUT_MS });
  const events = arrivals.toSorted((a, b) => a.atMs - b.atMs);
  const pings: number[] = [];
  let receivedAtMs = 0;
  let dataAtMs = 0;
  for (let nowMs = 0; nowMs < untilMs; ) {
    const advice = keepalive.check(nowMs, { receivedAtMs, dataAtMs, permittedMs });
    if (advice === "dead") return { pings, deadAtMs: nowMs };
    if (advice === "ping") {
      pings.push(nowMs);
      if (answerMs < Number.POSITIVE_INFINITY) {
        events.push({ atMs: nowMs + answerMs, data: false });
        events.sort((a, b) => a.atMs - b.atMs);
      }
    }
    assert.ok(keepalive.nextMs > nowMs, "it never asks to be called at once");
    while ((events[0]?.atMs ?? Number.POSITIVE_INFINITY) <= keepalive.nextMs) {
      const { atMs, data } = events.shift() as { atMs: number; data: boolean };
      receivedAtMs = Math.max(receivedAtMs, atMs);
      if (data) dataAtMs = Math.max(dataAtMs, atMs);
    }
    nowMs = keepalive.nextMs;
  }
  return { pings, deadAtMs: undefined };
}

const moments = fc.array(fc.record({ atMs: fc.nat(600_000), data: fc.boolean() }), { maxLength: 40 });

describe("keepalive", () => {
  it("gives a silent peer up within its two times, and no peer that answers", () => {
    fc.assert(
      fc.property(moments, (arrivals) => {
        const lastMs = Math.max(0, ...arrivals.map(({ atMs }) => atMs));
        const permittedMs = 1000;
        const { deadAtMs } = live(arrivals, { permittedMs });
        const gaps = [0, ...arrivals.map(({ atMs }) => atMs).sort((a, b) => a - b)];
        const longEnough = gaps.findIndex(
          (atMs, i) => (gaps[i + 1] ?? Infinity) - atMs > EVERY_MS + TIMEOUT_MS + 20,
        );
        assert.ok(deadAtMs !== undefined && longEnough >= 0);
        assert.ok(
          deadAtMs <= (gaps[longEnough] as number) + EVERY_MS + TIMEOUT_MS + 20 || deadAtMs <= lastMs,
        );
        assert.equal(live(arrivals, { permittedMs, answerMs: TIMEOUT_MS - 1 }).deadAtMs, undefined);
      }),
    );
  });

  it("sends no PING while something arrives", () => {
    const busy = Array.from({ length: 360 }, (_, i) => ({ atMs: i * (EVERY_MS - 1), data: i % 2 === 0 }));
    assert.deepEqual(live(busy, { untilMs: 3_500_000 }).pings, []);
  });

  it("never looks like a flood to a gRPC server, whatever comes when", () => {
    fc.assert(
      fc.property(moments, (arrivals) => {
        const { pings } = live(arrivals, { answerMs: 3 });
        // The rule of gRPC's servers, as they apply it with their defaults.
        const datas = arrivals.filter(({ data }) => data).map(({ atMs }) => atMs);
        let strikes = 0;
        let lastMs = Number.NEGATIVE_INFINITY;
        for (const atMs of pings) {
          if (datas.some((dataMs) => dataMs > lastMs && dataMs <= atMs)) strikes = 0;
          else if (atMs - lastMs < DEFAULT_PERMITTED_MS) strikes++;
          assert.ok(strikes <= 2);
          lastMs = atMs;
        }
      }),
    );
  });

  it("asks at the wanted distance for ever where the peer permits it", () => {
    const { pings } = live([], { answerMs: 1, untilMs: 100_000, permittedMs: 1000 });
    assert.equal(pings.length, 9);
  });

  it("looks a second time before it gives a peer up: its own process may have stood still", () => {
    const keepalive = new Keepalive({ everyMs: EVERY_MS, timeoutMs: TIMEOUT_MS });
    const signs = { receivedAtMs: 0, dataAtMs: 0, permittedMs: 1000 };
    assert.equal(keepalive.check(EVERY_MS, signs), "ping");
    assert.equal(keepalive.check(90_000, signs), "wait");
    assert.ok(keepalive.nextMs > 90_000 && keepalive.nextMs < 90_100);
    assert.equal(keepalive.check(keepalive.nextMs, { ...signs, receivedAtMs: 90_001 }), "wait");
    assert.equal(keepalive.nextMs, 90_001 + EVERY_MS);
  });
});
