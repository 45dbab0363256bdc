import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isHeddleError } from "../call/errors.ts";
import { heddleTarget, parseTarget } from "./target.ts";

test("a target is scheme, authority, name and query", () => {
  assert.deepEqual(parseTarget("heddle:///orders"), {
    scheme: "heddle",
    authority: "",
    name: "orders",
    query: {},
    text: "heddle:///orders",
  });
  const consul = parseTarget("CONSUL://127.0.0.1:8500/orders?tag=v2&dc=a%20b");
  assert.deepEqual(
    { ...consul, query: { ...consul.query } },
    {
      scheme: "consul",
      authority: "127.0.0.1:8500",
      name: "orders",
      query: { tag: "v2", dc: "a b" },
      text: "consul://127.0.0.1:8500/orders?dc=a+b&tag=v2",
    },
  );
  assert.equal(parseTarget("static:///10.0.0.1:80,10.0.0.2:80").name, "10.0.0.1:80,10.0.0.2:80");
  assert.equal(parseTarget("dns:///orders.internal:8080").name, "orders.internal:8080");
  assert.equal(parseTarget("heddle:///a%2Fb").name, "a/b");
});

test("one address is short for a static target", () => {
  for (const text of ["10.0.0.1:80", "orders:80", "[::1]:80", "unix:/run/a.sock", "memory:a"]) {
    const target = parseTarget(text);
    assert.deepEqual([target.scheme, target.name], ["static", text]);
  }
  assert.equal(parseTarget("http://10.0.0.1:80").text, "static:///10.0.0.1:80");
  assert.equal(parseTarget("http://10.0.0.1:80/").text, "static:///10.0.0.1:80");
});

test("what is no target is refused with the reason", () => {
  const cases: Record<string, RegExp> = {
    "": /it is empty/,
    orders: /write heddle:\/\/\/orders/,
    "heddle://orders": /a name must follow/,
    "heddle:///": /a name must follow/,
    "heddle:///%zz": /percent sign/,
    "orders:99999": /port 99999/,
    "https://orders:443": /write host:port, and set `tls`/,
    "10.0.0.1:80,10.0.0.2:80": /not host:port/,
  };
  for (const [text, reason] of Object.entries(cases)) {
    assert.throws(
      () => parseTarget(text),
      (error) => isHeddleError(error) && error.reason === "targetInvalid" && reason.test(error.message),
      text,
    );
  }
  assert.throws(() => heddleTarget(""), isHeddleError);
});

test("the canonical text parses to the same target", () => {
  const word = fc.string({ unit: "binary", minLength: 1 }).filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(word, fc.dictionary(word, word), (name, query) => {
      const search = new URLSearchParams(query).toString();
      const target = parseTarget(`x:///${encodeURIComponent(name)}${search === "" ? "" : `?${search}`}`);
      assert.equal(target.name, name);
      assert.deepEqual(parseTarget(target.text), target);
    }),
  );
});
