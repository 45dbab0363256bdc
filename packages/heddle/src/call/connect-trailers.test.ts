import assert from "node:assert/strict";
import { test } from "node:test";
import { prefixTrailers, splitTrailers } from "./connect-trailers.ts";

test("trailers stand among the headers, known by their prefix", () => {
  const header = ["content-type", "application/proto", "trailers", "x"];
  const trailer = ["x-cost", "1", "x-cost", "2"];
  const fields = [...header, ...prefixTrailers(trailer)];
  assert.deepEqual(fields.slice(4), ["trailer-x-cost", "1", "trailer-x-cost", "2"]);
  assert.deepEqual(splitTrailers(fields), { header, trailer });
});

test("without trailers there is nothing to tell apart", () => {
  assert.deepEqual(prefixTrailers([]), []);
  assert.deepEqual(splitTrailers([]), { header: [], trailer: [] });
});
