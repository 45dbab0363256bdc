import assert from "node:assert/strict";
import { test } from "node:test";
import { criticalityRank, lessCritical, toCriticality } from "./criticality.ts";

test("a level is known by its name, and words that nobody knows say nothing", () => {
  assert.equal(toCriticality("sheddable_plus"), "sheddable_plus");
  for (const text of ["", "SHEDDABLE", "urgent", undefined]) assert.equal(toCriticality(text), undefined);
  assert.deepEqual(
    ["critical_plus", "critical", "sheddable_plus", "sheddable"].map(criticalityRank),
    [0, 1, 2, 3],
  );
});

test("of two levels the one that is given up sooner holds, and a missing one says nothing", () => {
  assert.equal(lessCritical("critical_plus", "sheddable"), "sheddable");
  assert.equal(lessCritical("sheddable_plus", "critical"), "sheddable_plus");
  assert.equal(lessCritical(undefined, "critical_plus"), "critical_plus");
  assert.equal(lessCritical(undefined, undefined), undefined);
});
