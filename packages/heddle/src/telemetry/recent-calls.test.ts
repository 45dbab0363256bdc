import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallRecord } from "../call/record.ts";
import { CountDeltas } from "./count-deltas.ts";
import { instruments } from "./instruments.ts";
import { Metrics } from "./metrics.ts";
import { RecentCalls } from "./recent-calls.ts";

function record(startedAtMs: number): CallRecord {
  return { id: String(startedAtMs), startedAtMs } as unknown as CallRecord;
}

test("failed and slow calls are kept, and of the others one of so many; each kind has its own room", () => {
  const recent = new RecentCalls({ maxCalls: 8, slowMs: 100, sampleEvery: 10 });
  const states = Array.from({ length: 21 }, () => recent.stateOf(false, 1));
  assert.deepEqual(
    states.flatMap((state, i) => (state === undefined ? [] : [[i, state]])),
    [
      [0, "sampled"],
      [10, "sampled"],
      [20, "sampled"],
    ],
  );
  assert.deepEqual([recent.stateOf(true, 1), recent.stateOf(false, 101)], ["failed", "slow"]);
  recent.keep("slow", record(0));
  for (let i = 1; i <= 100; i++) recent.keep("failed", record(i));
  assert.deepEqual(
    recent.list().map(({ record: { id } }) => id),
    ["100", "99", "98", "97", "0"],
  );
});

test("each is taken once, and what went before it was taken is counted", () => {
  const recent = new RecentCalls({ maxCalls: 8, slowMs: 100, sampleEvery: Number.POSITIVE_INFINITY });
  for (let i = 1; i <= 6; i++) recent.keep("failed", record(i));
  const ids = (max: number) => {
    const { calls, lost } = recent.take(max);
    return [calls.map(({ record: { id } }) => id), lost];
  };
  assert.deepEqual(ids(3), [["3", "4", "5"], 2]);
  assert.deepEqual(ids(3), [["6"], 0]);
  assert.deepEqual(ids(3), [[], 0]);
});

test("counts are told as differences that add up, in so many at a time", () => {
  const metrics = new Metrics();
  const deltas = new CountDeltas();
  const duration = (method: string) =>
    metrics.histogram(instruments.serverCallDuration, ["grpc", method, "OK"]);
  const sums = new Map<string, { calls: number; buckets: number }>();
  const tell = (max: number) => {
    const told = deltas.next(metrics.collect(0), max);
    for (const { method, calls, buckets } of told) {
      const sum = sums.get(method) ?? { calls: 0, buckets: 0 };
      sum.calls += calls;
      for (const count of buckets) sum.buckets += count;
      sums.set(method, sum);
    }
    return told.length;
  };
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 10; i++) for (const method of ["a", "b", "c"]) duration(method).record(i * 0.013);
    tell(2);
  }
  while (tell(2) > 0);
  for (const method of ["a", "b", "c"])
    assert.deepEqual(sums.get(method), { calls: 50, buckets: 50 }, method);
});
