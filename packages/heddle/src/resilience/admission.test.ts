import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission, type AdmissionOptions, COHORTS, TICK_MS } from "./admission.ts";

const CRITICAL = 1;
const SHEDDABLE = 3;

/** An event loop whose turns take as long as a test says. Calls come at the end of each turn. */
function createLoop(options: AdmissionOptions = {}) {
  const admission = new Admission(options);
  let nowMs = 0;
  admission.start(0);
  return {
    admission,
    /** Turns of `turnMs` until `forMs` have passed, with `calls` in each; the shares of a level that were admitted. */
    run(forMs: number, turnMs: number, calls: readonly number[]): number[] {
      const admitted = [0, 0, 0, 0];
      let turns = 0;
      for (const endMs = nowMs + forMs; nowMs < endMs; turns++) {
        nowMs += TICK_MS + turnMs;
        for (const [rank, count] of calls.entries()) {
          for (let i = 0; i < count; i++) {
            if (!admission.isCalm(nowMs) && !admission.admits(nowMs, rank, i % COHORTS, 60_000)) continue;
            admitted[rank] = (admitted[rank] as number) + 1;
            admission.ended();
          }
        }
        admission.tick(nowMs);
      }
      return admitted.map((count, rank) => count / (turns * (calls[rank] as number)));
    },
    get nowMs() {
      return nowMs;
    },
  };
}

test("a loop that comes round in time needs no thought, and refuses nothing", () => {
  const { run, admission } = createLoop();
  assert.deepEqual(run(5000, 10, [4, 40, 40, 40]), [1, 1, 1, 1]);
  assert.equal(admission.isShedding, false);
});

test("late once, or in a queue that becomes shorter, is no reason to refuse what is critical", () => {
  const loop = createLoop();
  for (const turnMs of [400, 300, 200, 140, 100, 70, 50, 30])
    assert.equal(loop.run(1, turnMs, [0, 10, 0, 10])[CRITICAL], 1);
});

test("a queue that stands: the sheddable go first", () => {
  const loop = createLoop();
  assert.deepEqual(loop.run(80, 60, [4, 40, 40, 40]).slice(0, 3), [1, 1, 1]);
  const [plus, critical, sheddablePlus, sheddable] = loop.run(300, 60, [4, 40, 40, 40]) as [
    number,
    number,
    number,
    number,
  ];
  assert.deepEqual([plus, critical], [1, 1]);
  assert.ok(sheddable < sheddablePlus, JSON.stringify([sheddablePlus, sheddable]));
});

test("the critical wait for the end of patience even if there is nothing else", () => {
  const loop = createLoop({ patienceMs: 1000 });
  assert.equal(loop.run(900, 260, [0, 100, 0, 0])[CRITICAL], 1);
  assert.ok((loop.run(3000, 260, [0, 100, 0, 0])[CRITICAL] as number) < 0.9);
});

test("a late turn in the middle of which calls begin is seen before it ends", () => {
  const admission = new Admission();
  admission.start(0);
  admission.tick(TICK_MS);
  const verdicts = Array.from({ length: 1000 }, (_, ms) => {
    const nowMs = 2 * TICK_MS + ms;
    return admission.isCalm(nowMs) || admission.admits(nowMs, SHEDDABLE, 0, 60_000);
  });
  assert.equal(verdicts.indexOf(false), 321, "20 ms late, and a tenth of the patience after that");
  assert.equal(verdicts.lastIndexOf(true), 320);
});

test("it is over a second after the last delay", () => {
  const loop = createLoop();
  loop.run(3000, 60, [4, 40, 40, 40]);
  assert.equal(loop.admission.isShedding, true);
  loop.run(6000, 0, [1, 1, 1, 1]);
  assert.equal(loop.admission.isShedding, false);
  assert.equal(loop.admission.isCalm(loop.nowMs), true);
});

test("calls that compute for long make a turn long, and are given a longer queue", () => {
  const loop = createLoop();
  assert.equal(loop.admission.targetMs, 20);
  loop.run(2000, 60, [0, 1, 0, 0]);
  assert.ok(loop.admission.targetMs > 200, String(loop.admission.targetMs));
  assert.equal(loop.admission.isShedding, false);
});

test("what matters most, alone, makes no level be refused that may wait longer than it does", () => {
  const loop = createLoop();
  loop.run(3000, 60, [100, 0, 0, 0]);
  assert.equal(loop.admission.isShedding, true);
  assert.equal(loop.admission.admits(loop.nowMs, SHEDDABLE, 0, 60_000), false);
  assert.equal(loop.admission.admits(loop.nowMs, CRITICAL, COHORTS - 1, 60_000), true);
});
