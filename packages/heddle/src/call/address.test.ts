import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddress } from "./address.ts";

test("an address is taken apart and put together again", () => {
  const cases = {
    "127.0.0.1:4001": { kind: "tcp", host: "127.0.0.1", port: 4001 },
    "orders.internal:80": { kind: "tcp", host: "orders.internal", port: 80 },
    "[::1]:65535": { kind: "tcp", host: "::1", port: 65535 },
    "unix:/run/orders.sock": { kind: "unix", path: "/run/orders.sock" },
    "memory:orders": { kind: "memory", name: "orders" },
  } as const;
  for (const [text, address] of Object.entries(cases)) {
    assert.deepEqual(parseAddress(text), address);
    assert.equal(formatAddress(address), text);
  }
});

test("what is no address gets a reason", () => {
  const cases: Record<string, RegExp> = {
    "": /not host:port/,
    orders: /not host:port/,
    "::1:80": /not host:port/,
    "[127.0.0.1]:80": /brackets are for IPv6/,
    "a:0": /port 0 is not between/,
    "a:65536": /port 65536 is not between/,
    "a b:1": /white space/,
    "a\u0000:1": /control character/,
    "unix:run/a": /absolute path/,
    "memory:": /needs a name/,
    [`${"a".repeat(600)}:1`]: /longer than/,
  };
  for (const [text, reason] of Object.entries(cases)) {
    const result = parseAddress(text);
    assert.equal(typeof result, "string", text);
    assert.match(result as string, reason);
  }
});
