import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import { resolveCheckRules } from "./check-rules.ts";
import { DueHeap } from "./due-heap.ts";
import { createProbeSchedule, type DueProbe } from "./probe-schedule.ts";

const rules = resolveCheckRules({ intervalMs: 10_000, unhealthyAfter: 2, healthyAfter: 1 });

test("probes are spread, repeat about every interval, and never overlap for one thing", () => {
  const schedule = createProbeSchedule<string>({ random: createSeededRandom(1), maxRunning: 1_000 });
  for (let n = 0; n < 200; n++) schedule.set(`i${n}`, "check", rules, 0);
  const startedAt = new Map<string, number[]>();
  for (let nowMs = 0; nowMs <= 35_000; nowMs = Math.max(nowMs + 1, Math.ceil(schedule.nextDueAt()))) {
    const probes: DueProbe<string>[] = [];
    for (let probe = schedule.take(nowMs); probe; probe = schedule.take(nowMs)) probes.push(probe);
    for (const probe of probes) {
      startedAt.set(probe.key, [...(startedAt.get(probe.key) ?? []), nowMs]);
      schedule.report(probe, true, nowMs);
    }
    assert.ok(probes.length < 20, `${probes.length} at once`);
  }
  assert.equal(startedAt.size, 200);
  for (const times of startedAt.values()) {
    assert.ok((times[0] ?? 0) <= 1_001);
    assert.equal(times.length, 4);
    for (let n = 1; n < times.length; n++) {
      const pauseMs = (times[n] ?? 0) - (times[n - 1] ?? 0);
      assert.ok(pauseMs >= 8_999 && pauseMs <= 11_001, String(pauseMs));
    }
  }
});

test("health changes are told once, and those of what was deleted or set anew never", () => {
  const schedule = createProbeSchedule<string>({ random: createSeededRandom(1) });
  const take = (nowMs: number) => schedule.take(nowMs) ?? assert.fail("nothing is due");
  schedule.set("a", "one", rules, 0);
  assert.equal(schedule.report(take(1_000), true, 1_000), "healthy");
  assert.equal(schedule.report(take(20_000), true, 20_000), undefined);
  assert.equal(schedule.report(take(40_000), false, 40_000), undefined);
  assert.equal(schedule.report(take(60_000), false, 60_000), "unhealthy");
  const late = take(80_000);
  schedule.set("a", "two", rules, 80_000);
  assert.equal(schedule.report(late, true, 80_001), undefined);
  assert.equal(take(90_000).check, "two");
  schedule.delete("a");
  assert.equal(schedule.take(200_000), undefined);
  assert.equal(schedule.nextDueAt(), Number.POSITIVE_INFINITY);
});

test("no more run at once than there is room for, and each gets its turn", () => {
  const schedule = createProbeSchedule<string>({ random: createSeededRandom(1), maxRunning: 3 });
  for (let n = 0; n < 10; n++) schedule.set(`i${n}`, "check", rules, 0);
  const seen = new Set<string>();
  for (let nowMs = 2_000; nowMs < 2_100; nowMs += 10) {
    const probes: DueProbe<string>[] = [];
    for (let probe = schedule.take(nowMs); probe; probe = schedule.take(nowMs)) probes.push(probe);
    assert.ok(probes.length <= 3 && schedule.running === probes.length);
    if (probes.length === 3) assert.equal(schedule.nextDueAt(), Number.POSITIVE_INFINITY);
    for (const probe of probes) {
      seen.add(probe.key);
      schedule.report(probe, true, nowMs);
    }
  }
  assert.equal(seen.size, 10);
});

test("the heap gives what is due in order", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(50), fc.constant("pop" as const))), (steps) => {
      const heap = new DueHeap<{ readonly dueAtMs: number }>();
      const model: number[] = [];
      for (const step of steps) {
        if (step === "pop") {
          assert.equal(heap.pop()?.dueAtMs, model.shift());
        } else {
          heap.push({ dueAtMs: step });
          model.push(step);
          model.sort((a, b) => a - b);
        }
        assert.equal(heap.first?.dueAtMs, model[0]);
      }
    }),
  );
});
