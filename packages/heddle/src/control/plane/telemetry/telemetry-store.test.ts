/** What the control plane keeps stays within its bounds, however long and however much. */
import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ReportTelemetryRequestSchema } from "../../../gen/heddle/telemetry/v1/telemetry_pb.ts";
import type { CallRecord } from "../../../call/record.ts";
import { CallStore } from "./call-store.ts";
import { addLatency, type Latency, percentileMs } from "./latency.ts";
import { clockAheadOf, Reporters } from "./reporters.ts";
import { type SeriesKey, SeriesStore } from "./series-store.ts";

const START_MS = Date.UTC(2026, 2, 1);

function key(service: string, code = "OK"): SeriesKey {
  return { kind: "served", service, method: "a.B/C", peer: "", instance: "", code };
}

test("a compressed day of ten services stays within its points, and no call of the time it shows is missing", () => {
  const maxPoints = 8_000;
  const store = new SeriesStore({ maxPoints });
  const perStep = 7;
  let most = 0;
  for (let second = 0; second < 24 * 3600; second += 10) {
    const nowMs = START_MS + second * 1000;
    for (let i = 0; i < 10; i++)
      for (const code of ["OK", "UNAVAILABLE"])
        store.add(nowMs, key(`s${i}`, code), {
          calls: perStep,
          seconds: 0.07,
          first: -53,
          counts: [perStep],
        });
    most = Math.max(most, store.size);
  }
  assert.ok(most <= maxPoints + 1 && store.size > maxPoints / 2, `${most}`);
  const endMs = START_MS + 24 * 3_600_000;
  const sinceMs = store.sinceMs ?? 0;
  assert.ok(endMs - sinceMs > 3_600_000, "more than an hour is seen");
  let calls = 0;
  for (const [point] of store.points(sinceMs, endMs)) calls += point.calls;
  assert.equal(calls, ((endMs - sinceMs) / 10_000) * 20 * perStep);
  // The newest ten minutes are as they came.
  const slices = [...store.slices(endMs - 600_000, endMs)];
  assert.deepEqual([slices.length, slices[0]?.untilMs], [60, endMs - 590_000]);
});

test("memory stays flat while the store is full", () => {
  const store = new SeriesStore({ maxPoints: 5_000 });
  const fill = (fromHour: number, hours: number) => {
    for (let second = 0; second < hours * 3600; second += 10)
      for (let i = 0; i < 20; i++)
        store.add(START_MS + (fromHour * 3600 + second) * 1000, key(`s${i}`), {
          calls: 1,
          seconds: 0.01,
          first: -60 + (second % 7),
          counts: [1],
        });
  };
  fill(0, 2);
  const before = store.size;
  fill(2, 10);
  assert.ok(Math.abs(store.size - before) <= 0.2 * 5_000, `${before} ${store.size}`);
  let buckets = 0;
  for (const [point] of store.points(0, Number.POSITIVE_INFINITY)) buckets += point.counts.length;
  assert.ok(buckets < store.size * 10);
});

test("too many series in one slice are counted together, and old slices go", () => {
  const store = new SeriesStore({ maxPointsInSlice: 3, maxAgeMs: 60_000 });
  for (let i = 0; i < 10; i++)
    store.add(START_MS, key(`s${i}`), { calls: 1, seconds: 0, first: 0, counts: [] });
  const names = [...store.points(0, Number.POSITIVE_INFINITY)].map(
    ([
      {
        key: { service },
        calls,
      },
    ]) => [service, calls],
  );
  assert.deepEqual(names, [
    ["s0", 1],
    ["s1", 1],
    ["s2", 1],
    ["other", 7],
  ]);
  store.add(START_MS + 120_000, key("s0"), { calls: 1, seconds: 0, first: 0, counts: [] });
  assert.equal(store.sinceMs, START_MS + 120_000);
});

test("a percentile is right to nine per cent, whatever was added to what", () => {
  const all: Latency = { first: 0, counts: [] };
  for (let ms = 1; ms <= 1000; ms++) addLatency(all, Math.ceil(8 * Math.log2(ms / 1000)) - 1, [1]);
  for (const share of [0.5, 0.9, 0.99]) {
    const found = percentileMs(all, share) ?? 0;
    assert.ok(found >= 1000 * share * 0.99 && found <= 1000 * share * 1.1, `${share}: ${found}`);
  }
  assert.equal(percentileMs({ first: 0, counts: [] }, 0.5), null);
});

test("a storm of calls in one service leaves the others theirs", () => {
  const store = new CallStore({ maxCalls: 100 });
  const put = (id: string, service: string) =>
    store.put({ state: "failed", service, instance: "x", record: { id } as unknown as CallRecord });
  for (let i = 0; i < 10; i++) put(`a${i}`, "a");
  for (let i = 0; i < 1000; i++) put(`b${i}`, "b");
  assert.equal(store.size, 30);
  assert.ok(
    store.get("a0") !== undefined && store.get("b0") === undefined && store.get("b999") !== undefined,
  );
  for (let i = 0; i < 1000; i++) put(`c${i}`, `c${i}`);
  assert.equal(store.size, 100);
});

test("those who report are few at most, known by their sequence, and their clocks by the fastest report", () => {
  const reporters = new Reporters(2);
  const note = (instance: string, sequence: bigint, sentMs: number, nowMs: number) =>
    reporters.note(
      create(ReportTelemetryRequestSchema, { service: "a", instance, epoch: "e", sequence, sentMs }),
      nowMs,
    );
  assert.equal(note("1", 1n, START_MS + 5_000, START_MS), true);
  assert.equal(note("1", 1n, START_MS + 5_000, START_MS), false);
  note("1", 2n, START_MS + 6_000, START_MS + 3_000);
  const reporter = reporters.get("a", "1");
  assert.ok(reporter);
  assert.equal(clockAheadOf(reporter), 5_000);
  for (const instance of ["2", "3"]) note(instance, 1n, START_MS, START_MS);
  assert.deepEqual(
    [...reporters.all()].map(({ instance }) => instance),
    ["2", "3"],
  );
});
