import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { systemClock } from "./clock.ts";
import { systemTimers } from "./timer.ts";

const timerModule = new URL("./timer.ts", import.meta.url).href;

describe("system timers", () => {
  it("run once after the delay, and not when cancelled", async () => {
    const startedMs = systemClock.now();
    let cancelledRan = false;
    const cancelled = systemTimers.after(5, () => {
      cancelledRan = true;
    });
    cancelled.cancel();
    cancelled.cancel();
    await new Promise<void>((resolve) => systemTimers.after(20, resolve).keepAlive(true));
    assert.ok(systemClock.now() - startedMs >= 19);
    assert.equal(cancelledRan, false);
  });

  it("repeat until cancelled", async () => {
    let runs = 0;
    await new Promise<void>((resolve) => {
      const interval = systemTimers.every(1, () => {
        runs++;
        if (runs < 3) return;
        interval.cancel();
        resolve();
      });
      interval.keepAlive(true);
    });
    assert.equal(runs, 3);
  });

  it("wait for a delay that Node would cut down to a millisecond", async () => {
    let ran = false;
    const monthAhead = systemTimers.after(30 * 24 * 3600 * 1000, () => {
      ran = true;
    });
    await new Promise<void>((resolve) => systemTimers.after(10, resolve).keepAlive(true));
    monthAhead.cancel();
    assert.equal(ran, false);
  });

  it("refuse what cannot be waited for", () => {
    assert.throws(() => systemTimers.after(Number.NaN, () => {}), RangeError);
    assert.throws(() => systemTimers.every(0, () => {}), RangeError);
  });

  it("hold the process only when told to", () => {
    assert.equal(outputOf("systemTimers.after(30, () => console.log('ran'))"), "");
    assert.equal(outputOf("systemTimers.after(30, () => console.log('ran')).keepAlive(true)"), "ran\n");
    assert.equal(outputOf("systemTimers.every(30, () => console.log('ran'))"), "");
  });
});

/** What a process prints that runs `statement` and then has nothing else to do. */
function outputOf(statement: string): string {
  const script = `import { systemTimers } from ${JSON.stringify(timerModule)}; ${statement}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
  assert.equal(status, 0, stderr.toString());
  return stdout.toString();
}
