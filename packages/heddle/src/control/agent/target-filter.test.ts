import assert from "node:assert/strict";
import { test } from "node:test";
import { isHeddleError } from "../../call/errors.ts";
import { parseTarget } from "../../discovery/target.ts";
import { targetFilter } from "./target-filter.ts";

test("the query of a target is a filter", () => {
  assert.equal(targetFilter(parseTarget("heddle:///orders")), undefined);
  assert.deepEqual(targetFilter(parseTarget("heddle:///orders?zone=a&healthy=on&metadata.tier=gold")), {
    zone: "a",
    version: "",
    contract: "",
    healthyOnly: true,
    metadata: { tier: "gold" },
  });
});

test("what it can't mean is refused, with what may have been meant", () => {
  for (const [query, reason] of [
    ["zones=a", /targets of heddle:\/\/ have no option "zones"; did you mean zone\?/],
    ["healthy=yes", /healthy must be on or off/],
  ] as const)
    assert.throws(
      () => targetFilter(parseTarget(`heddle:///orders?${query}`)),
      (error) => isHeddleError(error) && error.reason === "targetInvalid" && reason.test(error.message),
    );
});
