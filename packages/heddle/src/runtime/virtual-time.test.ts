import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createVirtualTime } from "./virtual-time.ts";

describe("virtual time", () => {
  it("stands still until advanced, both clocks together", () => {
    const time = createVirtualTime(Date.UTC(2030, 0, 1));
    assert.equal(time.now(), 0);
    time.advance(1500.5);
    assert.equal(time.now(), 1500.5);
    assert.equal(time.wallMs(), Date.UTC(2030, 0, 1) + 1500.5);
    assert.throws(() => time.advance(-1), RangeError);
  });

  it("runs timers in order of due time, then of creation, each at its own time", () => {
    const delays = fc.array(fc.nat({ max: 40 }), { maxLength: 30 });
    fc.assert(
      fc.property(delays, fc.array(fc.nat({ max: 15 }), { maxLength: 10 }), (dues, advances) => {
        const time = createVirtualTime();
        const ran: [due: number, index: number][] = [];
        for (const [index, due] of dues.entries()) {
          time.after(due, () => {
            assert.equal(time.now(), due);
            ran.push([due, index]);
          });
        }
        for (const ms of advances) time.advance(ms);
        const expected = dues
          .map((due, index): [number, number] => [due, index])
          .filter(([due]) => due <= time.now() && advances.length > 0)
          .sort(([dueA, a], [dueB, b]) => dueA - dueB || a - b);
        assert.deepEqual(ran, expected);
        assert.equal(time.pending, dues.length - ran.length);
      }),
    );
  });

  it("runs timers made by timers within the same advance", () => {
    const time = createVirtualTime();
    const ran: number[] = [];
    time.after(10, () => {
      time.after(0, () => ran.push(time.now()));
      time.after(10, () => ran.push(time.now()));
      time.after(11, () => ran.push(time.now()));
    });
    time.advance(20);
    assert.deepEqual(ran, [10, 20]);
    assert.equal(time.pending, 1);
  });

  it("repeats an interval until cancelled, from within too", () => {
    const time = createVirtualTime();
    const ran: number[] = [];
    const interval = time.every(30, () => {
      ran.push(time.now());
      if (ran.length === 3) interval.cancel();
    });
    time.advance(1000);
    assert.deepEqual(ran, [30, 60, 90]);
    assert.equal(time.pending, 0);
    assert.throws(() => time.every(0, () => {}), RangeError);
  });

  it("does not run what was cancelled, by a timer of the same moment too", () => {
    const time = createVirtualTime();
    let ran = false;
    time.after(5, () => second.cancel());
    const second = time.after(5, () => {
      ran = true;
    });
    time.advance(5);
    second.cancel();
    assert.equal(ran, false);
    assert.equal(time.pending, 0);
  });

  it("counts the timers that would keep the process alive", () => {
    const time = createVirtualTime();
    const timer = time.after(5, () => {});
    assert.equal(time.keptAlive, 0);
    timer.keepAlive(true);
    assert.equal(time.keptAlive, 1);
    timer.keepAlive(false);
    assert.equal(time.keptAlive, 0);
  });
});
