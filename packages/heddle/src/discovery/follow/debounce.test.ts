import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createDebounce } from "./debounce.ts";

function createWorld() {
  const time = createVirtualTime();
  const runs: number[] = [];
  const debounce = createDebounce({ clock: time, timers: time }, {}, () => runs.push(time.now()));
  return { time, runs, debounce };
}

test("one change by itself does not wait", () => {
  const { time, runs, debounce } = createWorld();
  debounce.touch();
  time.advance(20);
  debounce.touch();
  assert.deepEqual(runs, [0, 20]);
  assert.equal(time.pending, 0);
});

test("a burst is two runs: its first change, and the rest when it is over", () => {
  const { time, runs, debounce } = createWorld();
  for (let n = 0; n < 10; n++) {
    debounce.touch();
    time.advance(5);
  }
  time.advance(100);
  assert.deepEqual(runs, [0, 65]);
});

test("a flush runs at once and takes with it what waits", () => {
  const { time, runs, debounce } = createWorld();
  debounce.touch();
  time.advance(1);
  debounce.touch();
  debounce.flush();
  time.advance(100);
  assert.deepEqual(runs, [0, 1]);
});

test("disposed, it runs no more by itself", () => {
  const { time, runs, debounce } = createWorld();
  debounce.touch();
  debounce.touch();
  debounce[Symbol.dispose]();
  time.advance(1_000);
  assert.deepEqual([runs, time.pending], [[0], 0]);
});

test("nothing waits longer than the maximum, and there is never a run without news", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), (gaps) => {
      const { time, runs, debounce } = createWorld();
      const touches: number[] = [];
      for (const gap of gaps) {
        time.advance(gap);
        touches.push(time.now());
        debounce.touch();
      }
      time.advance(1_000);
      for (const touch of touches) assert.ok(runs.some((run) => run >= touch && run <= touch + 80));
      for (const [n, run] of runs.entries())
        assert.ok(touches.some((touch) => touch <= run && touch >= (runs[n - 1] ?? 0)));
    }),
  );
});
