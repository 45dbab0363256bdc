import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Binding } from "./binding.ts";
import { createBinding } from "./binding.ts";
import { createBindingRouter } from "./binding-router.ts";
import { contractOf, methodNamed } from "./contract-of.test.ts";

const contract = contractOf({
  messages: { Thing: { name: "string", id: "string", sub: "Thing" } },
  services: { Things: { Do: { in: "Thing", out: "Thing" }, Other: { in: "Thing", out: "Thing" } } },
});

/** `GET /v1/{id}` */
function bind(text: string, method = "Things.Do"): Binding {
  const [kind, path] = text.split(" ") as [string, string];
  const pattern = {
    case: "custom",
    value: { $typeName: "google.api.CustomHttpPattern", kind, path },
  } as const;
  return createBinding(methodNamed(contract, method), { pattern, body: "", responseBody: "" });
}

/** What becomes of a request: the rule that answers and what it captured, or why none does. */
function route(rules: readonly string[], request: string): string {
  const router = createBindingRouter(rules.map((rule) => bind(rule)));
  const [method, path] = request.split(" ") as [string, string];
  const found = router.find(method, path);
  switch (found.kind) {
    case "found":
      return [`${found.binding.httpMethod} ${found.binding.template.text}`, ...found.captured].join(" | ");
    case "method":
      return `405 ${found.allowed.join(", ")}`;
    case "unknown":
      return "404";
    case "malformed":
      return `400 ${found.reason}`;
  }
}

const shelves = [
  "GET /v1/shelves/{id}",
  "GET /v1/shelves/{id}/books",
  "GET /v1/{name=shelves/*/books/*}",
  "DELETE /v1/{name=shelves/*/books/*}",
  "POST /v1/{name=shelves/*/books/*}:borrow",
  "GET /v1/shelves/best",
  "GET /v1/files/{name=**}",
  "POST /v1/files/{name=**}:scan",
  "* /v1/any/*",
  "PUT /v1/any/thing",
];

const table: readonly (readonly [says: string, request: string, expected: string])[] = [
  ["a variable captures a segment", "GET /v1/shelves/7", "GET /v1/shelves/{id} | 7"],
  ["as it was sent", "GET /v1/shelves/a%2Fb", "GET /v1/shelves/{id} | a%2Fb"],
  ["a literal goes before a variable", "GET /v1/shelves/best", "GET /v1/shelves/best"],
  ["however it is written", "GET /v1/shelves/%62est", "GET /v1/shelves/best"],
  ["a variable goes on behind a literal", "GET /v1/shelves/best/books", "GET /v1/shelves/{id}/books | best"],
  [
    "several segments are captured with their slashes",
    "GET /v1/shelves/1/books/2",
    "GET /v1/{name=shelves/*/books/*} | shelves/1/books/2",
  ],
  [
    "another method of the same path",
    "DELETE /v1/shelves/1/books/2",
    "DELETE /v1/{name=shelves/*/books/*} | shelves/1/books/2",
  ],
  [
    "a verb is no part of what is captured",
    "POST /v1/shelves/1/books/2:borrow",
    "POST /v1/{name=shelves/*/books/*}:borrow | shelves/1/books/2",
  ],
  ["a path with a verb is another path", "GET /v1/shelves/1/books/2:borrow", "405 POST"],
  [
    "a colon that is encoded begins no verb",
    "GET /v1/shelves/1/books/2%3Aborrow",
    "GET /v1/{name=shelves/*/books/*} | shelves/1/books/2%3Aborrow",
  ],
  [
    "nor does one before a verb that nobody knows",
    "GET /v1/shelves/1/books/2:lend",
    "GET /v1/{name=shelves/*/books/*} | shelves/1/books/2:lend",
  ],
  ["** takes all", "GET /v1/files/a/b/c", "GET /v1/files/{name=**} | a/b/c"],
  ["or one", "GET /v1/files/a", "GET /v1/files/{name=**} | a"],
  ["or nothing", "GET /v1/files", "GET /v1/files/{name=**} | "],
  ["or nothing behind a slash", "GET /v1/files/", "GET /v1/files/{name=**} | "],
  ["but no slash in front", "GET /v1/files//a", "404"],
  ["and slashes in the middle", "GET /v1/files/a//b/", "GET /v1/files/{name=**} | a//b/"],
  ["a verb behind it", "POST /v1/files/a/b:scan", "POST /v1/files/{name=**}:scan | a/b"],
  ["a verb behind nothing", "POST /v1/files:scan", "POST /v1/files/{name=**}:scan | "],
  ["* is any method", "BREW /v1/any/x", "* /v1/any/*"],
  ["and goes behind the method itself", "PUT /v1/any/thing", "PUT /v1/any/thing"],
  ["but takes what that path does not have", "GET /v1/any/thing", "* /v1/any/*"],
  ["OPTIONS is for the server to answer", "OPTIONS /v1/any/thing", "405 DELETE, GET, HEAD, PATCH, POST, PUT"],
  ["HEAD is answered by GET", "HEAD /v1/shelves/7", "GET /v1/shelves/{id} | 7"],
  ["a path that is there, with another method", "PUT /v1/shelves/1/books/2", "405 DELETE, GET, HEAD"],
  ["all methods of all rules that match the path", "POST /v1/shelves/best", "405 GET, HEAD"],
  ["methods are told by their case", "get /v1/shelves/7", "405 GET, HEAD"],
  ["a path that is not there", "GET /v1/shelf/7", "404"],
  ["a segment too few", "GET /v1/shelves", "404"],
  ["a segment too many", "GET /v1/shelves/1/books/2/3", "404"],
  ["an empty segment is nothing's name", "GET /v1/shelves/", "404"],
  ["nor one in the middle", "GET /v1/shelves//books", "404"],
  ["the case of letters counts", "GET /v1/Shelves/7", "404"],
  ["the root", "GET /", "404"],
  [
    "dots mean another path",
    "GET /v1/files/../secrets",
    "400 a segment of dots alone stands for another path",
  ],
  [
    "also when they are encoded",
    "GET /v1/files/%2e%2E/secrets",
    "400 a segment of dots alone stands for another path",
  ],
  [
    "and within a segment, for whoever decodes them",
    "GET /v1/shelves/a%2F..%2Fb",
    "400 a segment of dots alone stands for another path",
  ],
  ["with a backslash too", "GET /v1/shelves/..%5Cb", "400 a segment of dots alone stands for another path"],
  ["dots beside anything else are a name", "GET /v1/shelves/...a.", "GET /v1/shelves/{id} | ...a."],
  ["a percent sign alone", "GET /v1/shelves/100%", "400 it is not percent-encoded UTF-8"],
  ["bytes that are no UTF-8", "GET /v1/shelves/%c3%28", "400 it is not percent-encoded UTF-8"],
  ["what is no path", "OPTIONS *", "400 a path begins with a slash"],
];

for (const [says, request, expected] of table)
  test(`${request}: ${says}`, () => assert.equal(route(shelves, request), expected));

test("the order of the rules changes nothing", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(shelves, { minLength: shelves.length }), (rules) => {
      for (const [, request, expected] of table) assert.equal(route(rules, request), expected);
    }),
    { numRuns: 30 },
  );
});

test("two bindings that no request tells apart are an error that names both", () => {
  const first = bind("GET /v1/{name=orders/*}");
  const second = bind("GET /v1/orders/{id}", "Things.Other");
  assert.throws(
    () => createBindingRouter([first, second]),
    /HTTP rule of test\.Things\/Other cannot be served: GET \/v1\/orders\/\{id\} matches the same requests as GET \/v1\/\{name=orders\/\*\} of test\.Things\/Do \(HDL-1009\)/,
  );
  for (const fine of [
    "POST /v1/orders/{id}",
    "GET /v1/orders/{id}:x",
    "GET /v1/orders/x",
    "GET /v1/orders/{id=**}",
  ])
    assert.equal(createBindingRouter([first, bind(fine)]).bindings.length, 2);
});

test("a path of any length visits each node once", () => {
  const rules = Array.from({ length: 12 }, (_, i) => {
    const fields = Array.from({ length: 12 }, (_, j) => ((i >> (j % 4)) & 1 ? "a" : "*"));
    return `GET /${fields.join("/")}/end${i}`;
  });
  const router = createBindingRouter(rules.map((rule) => bind(rule)));
  const started = performance.now();
  assert.equal(router.find("GET", `/${"a/".repeat(12)}nowhere`).kind, "unknown");
  assert.equal(router.find("GET", `/${"a/".repeat(8000)}`).kind, "unknown");
  assert.ok(performance.now() - started < 1000);
});
