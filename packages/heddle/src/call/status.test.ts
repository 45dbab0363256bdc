import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { codeFromHttpStatus, STATUS_OK, statusName, toCode } from "./status.ts";

test("a grpc-status becomes a code; OK and unknown numbers do not", () => {
  for (let status = 1; status <= 16; status++) assert.equal(toCode(status), status);
  for (const status of [STATUS_OK, -1, 17, 999]) assert.equal(toCode(status), undefined);
});

test("every code has the name that gRPC prints", () => {
  assert.equal(statusName(STATUS_OK), "OK");
  assert.equal(statusName(Code.Canceled), "CANCELLED");
  assert.equal(statusName(Code.DeadlineExceeded), "DEADLINE_EXCEEDED");
  assert.equal(statusName(Code.Unauthenticated), "UNAUTHENTICATED");
  assert.equal(statusName(99), "CODE_99");
  const names = Array.from({ length: 17 }, (_, status) => statusName(status));
  assert.equal(new Set(names).size, 17);
});

test("an HTTP status without grpc-status means what gRPC's table says", () => {
  const table: readonly (readonly [number, Code])[] = [
    [400, Code.Internal],
    [401, Code.Unauthenticated],
    [403, Code.PermissionDenied],
    [404, Code.Unimplemented],
    [429, Code.Unavailable],
    [502, Code.Unavailable],
    [503, Code.Unavailable],
    [504, Code.Unavailable],
    [200, Code.Unknown],
    [301, Code.Unknown],
    [418, Code.Unknown],
    [500, Code.Unknown],
  ];
  for (const [status, code] of table) assert.equal(codeFromHttpStatus(status), code, String(status));
});
