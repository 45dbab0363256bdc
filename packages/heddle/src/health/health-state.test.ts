import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { resolveCheckRules } from "./check-rules.ts";
import { createHealthState } from "./health-state.ts";

const rules = resolveCheckRules({ unhealthyAfter: 3, healthyAfter: 2 });

test("the first good probe is believed at once, bad ones need the threshold", () => {
  const good = createHealthState(rules);
  assert.equal(good.health, "unknown");
  assert.equal(good.report(true, 0), "healthy");
  const bad = createHealthState(rules);
  assert.deepEqual(
    [1, 2, 3].map((n) => bad.report(false, n)),
    ["unknown", "unknown", "unhealthy"],
  );
});

test("only probes in a row count", () => {
  const state = createHealthState(rules);
  state.report(true, 0);
  for (const ok of [false, false, true, false, false, true]) assert.equal(state.report(ok, 1), "healthy");
  for (const ok of [false, false]) assert.equal(state.report(ok, 2), "healthy");
  assert.equal(state.report(false, 2), "unhealthy");
  for (const ok of [true, false, true]) assert.equal(state.report(ok, 3), "unhealthy");
  assert.equal(state.report(true, 3), "healthy");
});

test("what falls again and again stays out until it has been quiet", () => {
  const state = createHealthState(rules);
  let nowMs = 0;
  const probe = (ok: boolean, times: number) => {
    for (let n = 0; n < times; n++) state.report(ok, (nowMs += 1_000));
    return state.health;
  };
  probe(true, 1);
  for (let fall = 0; fall < 3; fall++) {
    assert.equal(probe(false, 3), "unhealthy");
    assert.equal(probe(true, 2), "healthy", `fall ${fall} is forgiven`);
  }
  assert.equal(probe(false, 3), "unhealthy");
  assert.equal(probe(true, 30), "unhealthy");
  assert.equal(state.suppressed, true);
  assert.equal(probe(true, 90), "healthy");
  assert.equal(state.suppressed, false);
});

test("good probes always lead back to healthy in the end, and no sequence changes health faster than its thresholds", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ ok: fc.boolean(), afterMs: fc.nat(20_000) }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      (probes, unhealthyAfter, healthyAfter) => {
        const state = createHealthState({ unhealthyAfter, healthyAfter });
        const outcomes: boolean[] = [];
        let nowMs = 0;
        for (const { ok, afterMs } of probes) {
          const before = state.health;
          outcomes.push(ok);
          const after = state.report(ok, (nowMs += afterMs));
          if (after === before) continue;
          const needed = after === "unhealthy" ? unhealthyAfter : before === "unknown" ? 1 : healthyAfter;
          assert.ok(outcomes.slice(-needed).every((one) => one === (after === "healthy")));
          assert.ok(outcomes.length >= needed);
        }
        for (let n = 0; n < 40; n++) state.report(true, (nowMs += 10_000));
        assert.equal(state.health, "healthy");
      },
    ),
  );
});
