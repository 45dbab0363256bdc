import assert from "node:assert/strict";
import { test } from "node:test";
import { isHeddleError } from "../call/errors.ts";
import { parseTarget } from "./target.ts";
import { refuseTargetOptions } from "./target-options.ts";

test("an option that the registry does not have is refused, with those that it has", () => {
  const check = (query: string, known: readonly string[]) =>
    refuseTargetOptions(parseTarget(`heddle:///orders${query}`), "consul", known);
  check("", []);
  check("?tag=v2", ["tag", "dc"]);
  for (const [query, known, reason] of [
    ["?tags=v2", ["tag", "dc"], /targets of consul:\/\/ have no option "tags"; did you mean tag\?/],
    ["?near=here", ["tag", "dc"], /no option "near"; known: tag, dc/],
    ["?near=here", [], /no option "near"; there are none/],
  ] as const)
    assert.throws(
      () => check(query, known),
      (error) => isHeddleError(error) && error.reason === "targetInvalid" && reason.test(error.message),
    );
});
