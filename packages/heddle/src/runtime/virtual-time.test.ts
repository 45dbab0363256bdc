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

  it("runs from timer to timer until a promise is settled, with what each sets off in between", async () => {
    const time = createVirtualTime();
    const pause = (ms: number) => new Promise<void>((resolve) => void time.after(ms, resolve));
    const seen: number[] = [];
    const work = async () => {
      for (let i = 0; i < 3; i++) {
        await pause(1000);
        seen.push(time.now());
      }
      return "done";
    };
    assert.equal(await time.run(work()), "done");
    assert.deepEqual(seen, [1000, 2000, 3000]);
    await assert.rejects(time.run(pause(10).then(() => Promise.reject(new Error("its own")))), /its own/);
    await assert.rejects(time.run(new Promise(() => {})), /nothing is due/);
    await assert.rejects(time.run(pause(5000), { limitMs: 4000 }), /4000 ms/);
  });

  it("gets past a delay that is too small to be added", () => {
    const time = createVirtualTime();
    time.advance(1e6);
    let turns = 0;
    const wait = () => {
      if (++turns < 5) time.after(1e-13, wait);
    };
    time.after(0, wait);
    time.advance(1);
    assert.equal(turns, 5);
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
