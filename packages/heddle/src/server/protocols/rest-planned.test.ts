/** Signs that a path over HTTP/2 may hold and a field should not; all else is in rest-options.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { planHead } from "./rest-planned.ts";

test("a path is told again as a reference, whatever signs it came with", () => {
  const plan = {
    always: [],
    cacheControl: undefined,
    vary: [],
    tag: undefined,
    isTagged: false,
    isTarget: true,
    wanted: undefined,
    location: undefined,
    links: [],
    nextPage: undefined,
    hal: false,
  };
  const answer = create(EmptySchema);
  const told = (target: string) =>
    planHead(plan, answer, { target, own: [], request: () => answer, isCompressible: false }).fields;
  assert.deepEqual(told("/v1/notes/7%2F8?a=b"), ["content-location", "/v1/notes/7%2F8"]);
  assert.deepEqual(told('/v1/a b\u0001>"\ud800'), ["content-location", "/v1/a%20b%01%3E%22%EF%BF%BD"]);
});
