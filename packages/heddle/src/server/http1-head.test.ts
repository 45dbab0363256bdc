/** What Node's parser lets pass and others read differently; the rest of it is in test/wire/http1-edge.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readHttp1Head } from "./http1-head.ts";

const read = (url: string, httpVersion = "1.1") =>
  readHttp1Head({ rawHeaders: ["host", "a"], method: "GET", url, httpVersion }, "http");

test("other versions have other heads", () => {
  for (const version of ["2.0", "0.9", "1.2"])
    assert.equal(read("/", version), `it says that it is HTTP ${version}`);
  for (const version of ["1.0", "1.1"]) assert.notEqual(typeof read("/", version), "string");
});

test("a fragment is nothing that is sent", () => {
  for (const url of ["/#a", "/a?b#c", "http://a/b#c"])
    assert.equal(read(url), "its target is neither a path nor a URL");
  assert.notEqual(typeof read("/%23a"), "string");
});
