import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { TimerWheel, type WheelEntry } from "./timer-wheel.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";

const tickMs = 8;

describe("TimerWheel", () => {
  it("fires in the first tick at or after the time, never before it", () => {
    for (const delayMs of [0, 0.125, 1, 7.875, 8, 8.125, 100, 15_000, 16_384, 16_392, 40_000]) {
      const { time, wheel } = create();
      const entry = createEntry(time);
      wheel.add(entry, delayMs);
      time.advance(60_000);
      assert.equal(entry.firedAtMs.length, 1);
      const lateMs = (entry.firedAtMs[0] as number) - delayMs;
      assert.ok(lateMs >= 0 && (lateMs < tickMs || delayMs === 0), `${delayMs} ms fired ${lateMs} ms late`);
    }
  });

  it("agrees with a naive model through any sequence of additions, removals and waits", () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 8, 64), fc.array(operation, { maxLength: 80 }), (slots, operations) => {
        const { time, wheel } = create(slots);
        const entries = Array.from({ length: 6 }, () => createEntry(time));
        const dueMs = new Map<TestEntry, number>();
        for (const { kind, which, eighths } of operations) {
          const entry = entries[which] as TestEntry;
          const ms = eighths / 8;
          if (kind === "add") {
            wheel.add(entry, ms);
            dueMs.set(entry, time.now() + ms);
          } else if (kind === "remove") {
            wheel.remove(entry);
            dueMs.delete(entry);
          } else {
            time.advance(ms);
          }
          for (const each of entries) checkAgainst(dueMs, each, time.now());
          assert.equal(wheel.size, dueMs.size);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("fires thousands of entries in order of their ticks, each once", () => {
    const { time, wheel } = create();
    const fired: number[] = [];
    for (let i = 0; i < 20_000; i++) {
      const delayMs = (i * 7919) % 50_000;
      wheel.add({ ...unlinked, onWheel: () => fired.push(delayMs) }, delayMs);
    }
    assert.equal(wheel.size, 20_000);
    time.advance(25_000);
    assert.ok(fired.every((delayMs) => delayMs <= 25_000));
    time.advance(25_008);
    assert.equal(fired.length, 20_000);
    for (let i = 1; i < fired.length; i++) {
      assert.ok((fired[i] as number) > (fired[i - 1] as number) - tickMs);
    }
    assert.equal(wheel.size, 0);
  });

  it("moves an entry that is added again, and removes twice without harm", () => {
    const { time, wheel } = create();
    const entry = createEntry(time);
    wheel.add(entry, 100);
    wheel.add(entry, 1000);
    assert.equal(wheel.size, 1);
    time.advance(500);
    assert.deepEqual(entry.firedAtMs, []);
    wheel.remove(entry);
    wheel.remove(entry);
    assert.equal(wheel.size, 0);
    time.advance(5000);
    assert.deepEqual(entry.firedAtMs, []);
  });

  it("lets a callback add its own entry again, add others, and remove one that is due with it", () => {
    const { time, wheel } = create();
    const victim = createEntry(time);
    const newcomer = createEntry(time);
    let rounds = 0;
    const entry: WheelEntry = {
      ...unlinked,
      onWheel() {
        wheel.remove(victim);
        if (rounds === 0) wheel.add(newcomer, 0);
        if (++rounds < 3) wheel.add(entry, 10);
      },
    };
    wheel.add(entry, 16);
    wheel.add(victim, 16);
    time.advance(200);
    assert.equal(rounds, 3);
    assert.deepEqual(victim.firedAtMs, []);
    assert.deepEqual(newcomer.firedAtMs, [24]);
    assert.equal(wheel.size, 0);
  });

  it("goes on with the others after a callback that throws", () => {
    const { time, wheel } = create();
    const after = createEntry(time);
    wheel.add({ ...unlinked, onWheel: () => assert.fail("thrown by a callback") }, 8);
    wheel.add(after, 8);
    assert.throws(() => time.advance(8), /thrown by a callback/);
    time.advance(8);
    assert.equal(after.firedAtMs.length, 1);
    assert.equal(wheel.size, 0);
  });

  it("catches up after the event loop stood still for longer than a turn", () => {
    const { time, wheel, stall } = create(16);
    const entries = [5, 50, 127, 128, 129, 500].map((delayMs) => {
      const entry = createEntry(time);
      wheel.add(entry, delayMs);
      return entry;
    });
    stall(1000);
    time.advance(8);
    for (const entry of entries) assert.equal(entry.firedAtMs.length, 1);
  });

  it("has one timer for any number of entries, holds the process while there are some, and rests after a second", () => {
    const { time, wheel } = create();
    assert.equal(time.pending, 0);
    const entries = Array.from({ length: 100 }, () => createEntry(time));
    for (const entry of entries) wheel.add(entry, 15_000);
    assert.deepEqual([time.pending, time.keptAlive], [1, 1]);
    time.advance(500);
    for (const entry of entries) wheel.remove(entry);
    time.advance(tickMs);
    assert.deepEqual([time.pending, time.keptAlive], [1, 0]);
    wheel.add(entries[0] as TestEntry, 50);
    assert.deepEqual([time.pending, time.keptAlive], [1, 1]);
    time.advance(100);
    assert.deepEqual([time.pending, time.keptAlive], [1, 0]);
    time.advance(1100);
    assert.deepEqual([time.pending, time.keptAlive], [0, 0]);
    wheel.add(entries[0] as TestEntry, 50);
    time.advance(100);
    assert.equal(entries[0]?.firedAtMs.length, 2);
  });

  it("starts one timer for a load of one call after the other", () => {
    const time = createVirtualTime();
    let started = 0;
    const every: VirtualTime["every"] = (intervalMs, run) => {
      started++;
      return time.every(intervalMs, run);
    };
    const wheel = new TimerWheel({ clock: time, timers: { after: time.after, every } });
    const entry = createEntry(time);
    for (let call = 0; call < 10_000; call++) {
      wheel.add(entry, 15_000);
      time.advance(0.75);
      wheel.remove(entry);
      time.advance(0.25);
    }
    assert.ok(started <= 10, `${started} timers in 10 s`);
  });

  it("refuses a delay without an end, and a wheel that cannot turn", () => {
    const { time, wheel } = create();
    assert.throws(() => wheel.add(createEntry(time), Number.POSITIVE_INFINITY), RangeError);
    assert.throws(() => wheel.add(createEntry(time), Number.NaN), RangeError);
    assert.equal(wheel.size, 0);
    assert.equal(time.pending, 0);
    assert.throws(() => create(100), RangeError);
    assert.throws(() => new TimerWheel({ clock: time, timers: time, tickMs: 0 }), RangeError);
  });

  it("holds a real process until the entry has fired, and lets it go when the entry is removed", () => {
    const module = (name: string) => JSON.stringify(new URL(`./${name}.ts`, import.meta.url).href);
    const script = (statement: string) => `
      import { systemClock as clock } from ${module("clock")};
      import { systemTimers as timers } from ${module("timer")};
      import { TimerWheel } from ${module("timer-wheel")};
      const wheel = new TimerWheel({ clock, timers });
      const entry = { wheelAtMs: 0, onWheel: () => console.log(clock.now() >= entry.wheelAtMs ? "fired" : "early") };
      wheel.add(entry, 40);
      ${statement}`;
    const outputOf = (statement: string) => {
      const { status, stdout } = spawnSync(process.execPath, [
        "--input-type=module",
        "-e",
        script(statement),
      ]);
      assert.equal(status, 0);
      return stdout.toString();
    };
    assert.equal(outputOf(""), "fired\n");
    assert.equal(outputOf("wheel.remove(entry)"), "");
  });
});

interface TestEntry extends WheelEntry {
  readonly firedAtMs: number[];
}

const unlinked = { wheelAtMs: 0, wheelNext: undefined, wheelPrev: undefined };

const operation = fc.record({
  kind: fc.constantFrom("add", "add", "remove", "advance", "advance"),
  which: fc.nat({ max: 5 }),
  /** In eighths of a millisecond, so that sums are exact. */
  eighths: fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 20_000 })),
});

function create(slots = 2048) {
  const time = createVirtualTime();
  let stalledMs = 0;
  /** The clock runs ahead of the timers by the stalls, as it does while the event loop is busy. */
  const clock = { now: () => time.now() + stalledMs, wallMs: time.wallMs };
  const stall = (ms: number) => {
    stalledMs += ms;
  };
  return { time, wheel: new TimerWheel({ clock, timers: time, tickMs, slots }), stall };
}

function createEntry(time: VirtualTime): TestEntry {
  const firedAtMs: number[] = [];
  return { ...unlinked, firedAtMs, onWheel: () => firedAtMs.push(time.now()) };
}

/** Checks that the entry fired if and only if it had to, on time, and forgets it in the model when it did. */
function checkAgainst(dueMs: Map<TestEntry, number>, entry: TestEntry, nowMs: number): void {
  const due = dueMs.get(entry);
  const firedAtMs = entry.firedAtMs.pop();
  assert.equal(entry.firedAtMs.length, 0, "fired at most once");
  if (firedAtMs === undefined) {
    assert.ok(due === undefined || nowMs <= due + tickMs, "fired when due");
    return;
  }
  assert.ok(due !== undefined, "not fired after removal");
  assert.ok(firedAtMs >= due, "never early");
  assert.ok(firedAtMs <= due + tickMs, "at most a tick late");
  dueMs.delete(entry);
}
