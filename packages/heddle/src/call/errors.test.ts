import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { HeddleError, isHeddleError } from "./errors.ts";

const closed = () => new HeddleError("closed", { what: "the mesh" });

test("an error of the catalogue is a ConnectError, for Connect as well", () => {
  const error = closed();
  assert.ok(error instanceof ConnectError);
  assert.equal(ConnectError.from(error), error);
  assert.equal(error.code, Code.Unavailable);
});

test("only errors of the catalogue are HeddleErrors", () => {
  assert.ok(closed() instanceof HeddleError);
  assert.ok(isHeddleError(closed()));
  const other: unknown = new ConnectError("sold out", Code.FailedPrecondition);
  assert.ok(!(other instanceof HeddleError));
  assert.ok(!isHeddleError(other));
});
