/**
 * Every rule of the documentation of `google.api.http`, each said in our words, with a request that follows it. A row
 * holds in both directions, unless it says that HTTP has another way to write the same.
 * Source: https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromJson, type JsonValue, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { HttpRuleSchema } from "../../gen/google/api/http_pb.ts";
import type { BodyContent } from "./read-request.ts";
import { bindingsOf, createBindings } from "./binding.ts";
import { createBindingRouter } from "./binding-router.ts";
import { contractOf, methodNamed } from "./contract-of.test.ts";
import { readRequest } from "./read-request.ts";
import { readResponse, writeResponse } from "./response-body.ts";
import { writeRequest } from "./write-request.ts";

type Rule = MessageInitShape<typeof HttpRuleSchema>;

const contract = contractOf({
  enums: { State: { STATE_UNSPECIFIED: 0, OPEN: 1 } },
  messages: {
    GetMessage: {
      message_id: "string",
      sub: "Sub",
      revision: "int64",
      user_id: "string",
      tags: "repeated string",
      subs: "repeated Sub",
      labels: "map string string",
      state: "State",
      at: "google.protobuf.Timestamp",
      deep: "GetMessage",
      any: "google.protobuf.Any",
      one: "oneof choice string",
      other: "oneof choice Sub",
    },
    Sub: { subfield: "string", number: "optional int32" },
    UpdateMessage: {
      message_id: "string",
      message: "Message",
      force: "bool",
      words: "repeated string",
      note: "string",
    },
    Message: { message_id: "string", text: "string", sub: "Sub" },
    Upload: { name: "string", file: "google.api.HttpBody" },
  },
  services: {
    Messaging: {
      Get: { in: "GetMessage", out: "Message" },
      Update: { in: "UpdateMessage", out: "Message" },
      Put: { in: "Message", out: "UpdateMessage" },
      Upload: { in: "Upload", out: "google.api.HttpBody" },
      Raw: { in: "google.api.HttpBody", out: "Upload" },
      Annotated: {
        in: "GetMessage",
        out: "Message",
        http: {
          pattern: { case: "get", value: "/v1/messages/{message_id}" },
          additionalBindings: [
            { pattern: { case: "get", value: "/v1/users/{user_id}/messages/{message_id}" } },
          ],
        },
      },
    },
  },
});

const get = (value: string, more: Rule = {}): Rule => ({ pattern: { case: "get", value }, ...more });
const post = (value: string, body = "*", more: Rule = {}): Rule => ({
  pattern: { case: "post", value },
  body,
  ...more,
});

function bind(method: string, rule: Rule) {
  return createBindings(methodNamed(contract, `Messaging.${method}`), create(HttpRuleSchema, rule));
}

interface Row {
  readonly says: string;
  readonly method?: string;
  readonly rule: Rule;
  /** Method, path and query. */
  readonly http: string;
  readonly body?: JsonValue;
  /** The request message in JSON. */
  readonly message: JsonValue;
  /** Only read like this: written it is another one. */
  readonly written?: string;
}

function read(bindings: ReturnType<typeof bind>, http: string, body: BodyContent | undefined) {
  const [method, target] = http.split(" ") as [string, string];
  const [path, query = ""] = target.split("?") as [string, string?];
  const found = createBindingRouter(bindings).find(method, path);
  assert.equal(found.kind, "found", http);
  if (found.kind !== "found") throw new Error();
  return readRequest(found.binding, { captured: found.captured, query, body }, contract);
}

function check({ method = "Get", rule, http, body, message, written }: Row): void {
  const bindings = bind(method, rule);
  const input = methodNamed(contract, `Messaging.${method}`).input;
  const content = body === undefined ? undefined : ({ kind: "json", json: body } as const);
  assert.deepEqual(toJson(input, read(bindings, http, content), { registry: contract }), message, "read");
  const request = writeRequest(bindings, fromJson(input, message, { registry: contract }), contract);
  const query = request.query === "" ? "" : `?${request.query}`;
  assert.equal(`${request.httpMethod} ${request.path}${query}`, written ?? http, "written");
  if (written === undefined) assert.deepEqual(request.body, content, "the body as written");
}

const simple = get("/v1/messages/{message_id}");

describe("what the documentation says", () => {
  const rows: readonly Row[] = [
    {
      says: "a template names fields of the request, and fields within these",
      rule: get("/v1/messages/{message_id}/{sub.subfield}"),
      http: "GET /v1/messages/123456/foo",
      message: { messageId: "123456", sub: { subfield: "foo" } },
    },
    {
      says: "what the path does not bind is a parameter of the query",
      rule: simple,
      http: "GET /v1/messages/123456?revision=2",
      message: { messageId: "123456", revision: "2" },
    },
    {
      says: "a message in the query is a parameter for each of its fields",
      rule: simple,
      http: "GET /v1/messages/123456?sub.subfield=foo&sub.number=0&revision=2",
      written: "GET /v1/messages/123456?sub.subfield=foo&sub.number=0&revision=2",
      message: { messageId: "123456", revision: "2", sub: { subfield: "foo", number: 0 } },
    },
    {
      says: "parameters may come in any order",
      rule: simple,
      http: "GET /v1/messages/123456?revision=2&sub.subfield=foo",
      written: "GET /v1/messages/123456?sub.subfield=foo&revision=2",
      message: { messageId: "123456", revision: "2", sub: { subfield: "foo" } },
    },
    {
      says: "a field of a message in a message is reached over all of them",
      rule: simple,
      http: "GET /v1/messages/1?deep.deep.sub.subfield=x&deep.revision=1",
      written: "GET /v1/messages/1?deep.revision=1&deep.deep.sub.subfield=x",
      message: { messageId: "1", deep: { revision: "1", deep: { sub: { subfield: "x" } } } },
    },
    {
      says: "a repeated field is a parameter that is there several times, in order",
      rule: simple,
      http: "GET /v1/messages/1?tags=A&tags=B&tags=A",
      message: { messageId: "1", tags: ["A", "B", "A"] },
    },
    {
      says: "a parameter may be named as in JSON",
      rule: simple,
      http: "GET /v1/messages/1?userId=me",
      written: "GET /v1/messages/1?user_id=me",
      message: { messageId: "1", userId: "me" },
    },
    {
      says: "an enum is a parameter by name or by number",
      rule: simple,
      http: "GET /v1/messages/1?state=1",
      written: "GET /v1/messages/1?state=OPEN",
      message: { messageId: "1", state: "OPEN" },
    },
    {
      says: "a well-known type with a text is one parameter",
      rule: simple,
      http: "GET /v1/messages/1?at=2026-01-02T03%3A04%3A05Z",
      message: { messageId: "1", at: "2026-01-02T03:04:05Z" },
    },
    {
      says: "of fields that exclude each other one is a parameter",
      rule: simple,
      http: "GET /v1/messages/1?other.subfield=x",
      message: { messageId: "1", other: { subfield: "x" } },
    },
    {
      says: "body names the field that the body is",
      method: "Update",
      rule: { pattern: { case: "put", value: "/v1/messages/{message_id}" }, body: "message" },
      http: "PUT /v1/messages/123456",
      body: { text: "Hi!" },
      message: { messageId: "123456", message: { text: "Hi!" } },
    },
    {
      says: "with a field as the body, the others are in the query",
      method: "Update",
      rule: { pattern: { case: "patch", value: "/v1/messages/{message_id}" }, body: "message" },
      http: "PATCH /v1/messages/123456?force=true&words=a",
      body: { text: "Hi!" },
      message: { messageId: "123456", message: { text: "Hi!" }, force: true, words: ["a"] },
    },
    {
      says: "without a body the field is not set",
      method: "Update",
      rule: { pattern: { case: "put", value: "/v1/messages/{message_id}" }, body: "message" },
      http: "PUT /v1/messages/1",
      message: { messageId: "1" },
    },
    {
      says: "an empty body field is there",
      method: "Update",
      rule: { pattern: { case: "put", value: "/v1/messages/{message_id}" }, body: "message" },
      http: "PUT /v1/messages/1",
      body: {},
      message: { messageId: "1", message: {} },
    },
    {
      says: "a path may bind a field of the message that is the body",
      method: "Update",
      rule: { pattern: { case: "patch", value: "/v1/messages/{message.message_id}" }, body: "message" },
      http: "PATCH /v1/messages/7",
      body: { text: "Hi!" },
      message: { message: { messageId: "7", text: "Hi!" } },
    },
    {
      says: "a repeated field may be the body: a JSON array",
      method: "Update",
      rule: post("/v1/messages/{message_id}", "words"),
      http: "POST /v1/messages/1",
      body: ["a", "b"],
      message: { messageId: "1", words: ["a", "b"] },
    },
    {
      says: "and a text one",
      method: "Update",
      rule: post("/v1/messages/{message_id}", "note"),
      http: "POST /v1/messages/1?force=true",
      body: "hello",
      message: { messageId: "1", note: "hello", force: true },
    },
    {
      says: "body * is all that the path does not bind",
      method: "Put",
      rule: { pattern: { case: "put", value: "/v1/messages/{message_id}" }, body: "*" },
      http: "PUT /v1/messages/123456",
      body: { text: "Hi!" },
      message: { messageId: "123456", text: "Hi!" },
    },
    {
      says: "also of messages that are bound in part",
      method: "Put",
      rule: { pattern: { case: "put", value: "/v1/messages/{sub.subfield}" }, body: "*" },
      http: "PUT /v1/messages/x",
      body: { text: "Hi!", sub: { number: 1 } },
      message: { text: "Hi!", sub: { subfield: "x", number: 1 } },
    },
    {
      says: "a method that uses no part of the path has all in the body",
      method: "Put",
      rule: post("/v1/messages:find"),
      http: "POST /v1/messages:find",
      body: { text: "Hi!" },
      message: { text: "Hi!" },
    },
    {
      says: "* matches one segment, and captures nothing outside of a variable",
      rule: get("/v1/*/messages/{message_id}"),
      http: "GET /v1/anything/messages/1",
      written: "GET /v1/-/messages/1",
      message: { messageId: "1" },
    },
    {
      says: "{name} is {name=*}",
      rule: get("/v1/messages/{message_id=*}"),
      http: "GET /v1/messages/1",
      message: { messageId: "1" },
    },
    {
      says: "a variable captures what its template matches, literals included",
      rule: get("/v1/{message_id=users/*/messages/*}"),
      http: "GET /v1/users/me/messages/1",
      message: { messageId: "users/me/messages/1" },
    },
    {
      says: "** matches any number of segments",
      rule: get("/v1/{message_id=files/**}"),
      http: "GET /v1/files/a/b/c",
      message: { messageId: "files/a/b/c" },
    },
    {
      says: "and none",
      rule: get("/v1/files/{message_id=**}"),
      http: "GET /v1/files",
      message: {},
    },
    {
      says: "a verb stands behind the path",
      rule: get("/v1/{message_id=messages/*}:read"),
      http: "GET /v1/messages/1:read",
      message: { messageId: "messages/1" },
    },
    {
      says: "a literal with reserved characters is percent-encoded",
      rule: get("/v1/a%2Fb/{message_id}"),
      http: "GET /v1/a%2Fb/1",
      message: { messageId: "1" },
    },
    {
      says: "the value of one segment is encoded but for -_.~ and letters and digits",
      rule: simple,
      http: "GET /v1/messages/a%2Fb%3Ac%20%2B%21%27%28%29%2A%26%3D%25-_.~9",
      message: { messageId: "a/b:c +!'()*&=%-_.~9" },
    },
    {
      says: "and decoded on the other side: also %2F",
      rule: simple,
      http: "GET /v1/messages/x%2fy",
      written: "GET /v1/messages/x%2Fy",
      message: { messageId: "x/y" },
    },
    {
      says: "it may hold any text",
      rule: simple,
      http: "GET /v1/messages/%C3%A4%F0%9F%98%80%00",
      message: { messageId: "ä😀\u0000" },
    },
    {
      says: "a plus in a path is a plus",
      rule: simple,
      http: "GET /v1/messages/a+b",
      written: "GET /v1/messages/a%2Bb",
      message: { messageId: "a+b" },
    },
    {
      says: "the value of several segments keeps its slashes and is encoded otherwise",
      rule: get("/v1/{message_id=files/**}"),
      http: "GET /v1/files/a%20b/c%3Fd%23e",
      message: { messageId: "files/a b/c?d#e" },
    },
    {
      says: "and decoded on the other side, but for %2F",
      rule: get("/v1/{message_id=files/**}"),
      http: "GET /v1/files/a%20b%2fc%2Fd/%C3%A4",
      written: "GET /v1/files/a%20b%252fc%252Fd/%C3%A4",
      message: { messageId: "files/a b%2fc%2Fd/ä" },
    },
    {
      says: "a percent sign of the value itself arrives as one",
      rule: get("/v1/{message_id=files/**}"),
      http: "GET /v1/files/100%25/%252F",
      message: { messageId: "files/100%/%2F" },
    },
    {
      says: "a field in the path may be a number, a boolean, an enum",
      rule: get("/v1/{revision}/{state}/{at}/x"),
      http: "GET /v1/-5/OPEN/2026-01-02T03%3A04%3A05Z/x",
      message: { revision: "-5", state: "OPEN", at: "2026-01-02T03:04:05Z" },
    },
    {
      says: "a zero where zero is the same as nothing",
      rule: get("/v1/revisions/{revision}"),
      http: "GET /v1/revisions/0",
      message: {},
    },
    {
      says: "custom names another HTTP method",
      rule: { pattern: { case: "custom", value: { kind: "search", path: "/v1/messages" } }, body: "*" },
      http: "SEARCH /v1/messages",
      body: { tags: ["a"] },
      message: { tags: ["a"] },
    },
    {
      says: "or leaves it open",
      rule: {
        pattern: { case: "custom", value: { kind: "*", path: "/v1/messages/{message_id}" } },
        body: "*",
      },
      http: "REPORT /v1/messages/1",
      written: "POST /v1/messages/1",
      body: {},
      message: { messageId: "1" },
    },
    {
      says: "additional bindings are more ways to the same method: the first",
      rule: get("/v1/messages/{message_id}", {
        additionalBindings: [get("/v1/users/{user_id}/messages/{message_id}")],
      }),
      http: "GET /v1/messages/123456",
      message: { messageId: "123456" },
    },
    {
      says: "and the second, which has another field in its path",
      rule: get("/v1/messages/{message_id}", {
        additionalBindings: [get("/v1/users/{user_id}/messages/{message_id}")],
      }),
      http: "GET /v1/users/me/messages/123456",
      written: "GET /v1/messages/123456?user_id=me",
      message: { messageId: "123456", userId: "me" },
    },
    {
      says: "a message that does not fit the first is written by the next",
      rule: get("/v1/{message_id=messages/*}", {
        additionalBindings: [get("/v1/{message_id=users/*/messages/*}")],
      }),
      http: "GET /v1/users/me/messages/1",
      message: { messageId: "users/me/messages/1" },
    },
    {
      says: "a delete may have parameters",
      rule: { pattern: { case: "delete", value: "/v1/messages/{message_id}" } },
      http: "DELETE /v1/messages/1?revision=3",
      message: { messageId: "1", revision: "3" },
    },
  ];
  for (const row of rows) test(`${row.says}: ${row.http}`, () => check(row));

  test("the annotation of a method in the contract", () => {
    const bindings = bindingsOf(methodNamed(contract, "Messaging.Annotated"));
    assert.deepEqual(
      bindings.map(({ httpMethod, template }) => `${httpMethod} ${template.text}`),
      ["GET /v1/messages/{message_id}", "GET /v1/users/{user_id}/messages/{message_id}"],
    );
    assert.equal(bindingsOf(methodNamed(contract, "Messaging.Annotated")), bindings, "read once");
    assert.deepEqual(bindingsOf(methodNamed(contract, "Messaging.Get")), []);
  });
});

describe("rules that cannot be served are refused when they are bound", () => {
  const rows: readonly (readonly [rule: Rule, reason: RegExp, method?: string])[] = [
    [{}, /it has no path/],
    [get("/v1/{nothing}"), /variable nothing: test\.GetMessage has no such field/],
    [get("/v1/{sub.nothing}"), /variable sub\.nothing: test\.Sub has no such field/],
    [get("/v1/{message_id.x}"), /variable message_id\.x: message_id is no message/],
    [get("/v1/{tags}"), /variable tags is repeated/],
    [get("/v1/{labels}"), /variable labels is a map/],
    [get("/v1/{labels.key}"), /labels is a map, and cannot be entered/],
    [get("/v1/{subs.subfield}"), /subs is repeated, and cannot be entered/],
    [get("/v1/{sub}"), /variable sub is a message/],
    [get("/v1/{any}"), /variable any is a message/],
    [get(`/v1/{${"deep.".repeat(40)}sub}`), /nested more than 32 deep/],
    [get("/v1/{__proto__}"), /has no such field/],
    [get("/v1/{constructor}"), /has no such field/],
    [get("v1"), /a path begins with a slash/],
    [post("/v1", "nothing"), /body: test\.GetMessage has no field "nothing"/],
    [post("/v1", "sub.subfield"), /body: test\.GetMessage has no field "sub\.subfield"/],
    [get("/v1", { responseBody: "nothing" }), /response_body: test\.Message has no field "nothing"/],
    [get("/v1", { body: "*" }), /a GET has no body/],
    [
      { pattern: { case: "custom", value: { kind: "OPTIONS", path: "/v1" } } },
      /answered by the server itself/,
    ],
    [{ pattern: { case: "custom", value: { kind: "GET IT", path: "/v1" } } }, /is no HTTP method/],
    [{ pattern: { case: "custom", value: { kind: "", path: "/v1" } } }, /is no HTTP method/],
    [
      get("/v1", { additionalBindings: [get("/v2", { additionalBindings: [get("/v3")] })] }),
      /additional_bindings within/,
    ],
    [get("/v1", { selector: "a.b" }), /selector/],
  ];
  for (const [rule, reason, method] of rows)
    test(String(reason), () =>
      assert.throws(
        () => bind(method ?? "Get", rule),
        (error: Error) =>
          reason.test(error.message) && /test\.Messaging\/Get .*\(HDL-1009\)$/.test(error.message),
      ),
    );
});

describe("requests that are refused name the parameter", () => {
  const rows: readonly (readonly [
    says: string,
    http: string,
    reason: RegExp,
    rule?: Rule,
    body?: JsonValue,
  ])[] = [
    ["a parameter that nobody knows", "x=1", /parameter "x" .*test\.GetMessage has no such field/],
    ["with the one that was meant", "revison=1", /parameter "revison" .*; revision, perhaps/],
    ["a field within that nobody knows", "sub.x=1", /parameter "sub.x" .*test\.Sub has no such field/],
    ["what is in the path already", "message_id=2", /parameter "message_id" .*stands in the path/],
    ["a single one twice", "revision=1&revision=1", /parameter "revision" .*there twice/],
    ["by both of its names", "user_id=1&userId=1", /parameter "userId" .*there twice/],
    ["a map", "labels=1", /parameter "labels" .*a map has no form/],
    ["an entry of one", "labels.a=1", /parameter "labels.a" .*labels is a map/],
    ["a repeated message", "subs=1", /parameter "subs" .*a repeated message has no form/],
    ["a field of one", "subs.subfield=1", /parameter "subs.subfield" .*subs is repeated/],
    ["a message", "sub=1", /parameter "sub" .*such as sub\.subfield/],
    ["an Any", "any=1", /parameter "any" .*google\.protobuf\.Any has no form/],
    ["the inside of an Any", "any.type_url=1", /parameter "any.type_url" .*any cannot be entered/],
    ["the inside of what is one text", "at.seconds=1", /parameter "at.seconds" .*at cannot be entered/],
    ["a value of another type", "revision=two", /parameter "revision" .*"two" should be a whole number/],
    [
      "a value out of range",
      "revision=9223372036854775808",
      /parameter "revision" .*should be a whole number from -9223372036854775808/,
    ],
    ["no value", "revision", /parameter "revision" .*"" should be a whole number/],
    [
      "two that exclude each other",
      "one=a&other.subfield=b",
      /parameter "other.subfield" .*of choice another one is set, one/,
    ],
    ["a name that is no UTF-8", "%ff=1", /parameter "%ff" .*name is not percent-encoded UTF-8/],
    ["a value that is no UTF-8", "user_id=%ff", /parameter "user_id" .*not percent-encoded UTF-8/],
    ["no name", "=1", /parameter "" .*no such field/],
    ["deeper than anybody means", `${"deep.".repeat(40)}revision=1`, /nested more than 32 deep/],
    ["more than anybody sends", "tags=a&".repeat(1001), /more than 1000/],
    ["a prototype", "__proto__=1", /parameter "__proto__" .*no such field/],
    ["what a prototype has", "__proto__.polluted=1", /parameter "__proto__.polluted" .*no such field/],
    ["or a constructor", "constructor.prototype.polluted=1", /no such field/],
    ["also within", "sub.__proto__.polluted=1", /no such field/],
    [
      "a body where there is none",
      "",
      /message of test\.Messaging\/Get cannot be decoded: it has no body/,
      simple,
      {},
    ],
    [
      "a parameter where all is in the body",
      "revision=1",
      /parameter "revision" .*stands in its body/,
      post("/v1/messages/{message_id}"),
      {},
    ],
    [
      "a field that is the body",
      "sub.subfield=1",
      /parameter "sub.subfield" .*stands in the body/,
      post("/v1/messages/{message_id}", "sub"),
      {},
    ],
    [
      "a body that disagrees with the path",
      "",
      /parameter "message_id" .*path and the body have different values/,
      post("/v1/messages/{message_id}"),
      { messageId: "2" },
    ],
    [
      "a field of the body that nobody knows",
      "",
      /cannot be decoded: .*"x"/,
      post("/v1/messages/{message_id}"),
      { x: 1 },
    ],
    ["a body of another type", "", /cannot be decoded: /, post("/v1/messages/{message_id}"), "text"],
    [
      "a prototype in the body",
      "",
      /cannot be decoded: .*__proto__/,
      post("/v1/messages/{message_id}"),
      JSON.parse('{"__proto__":{"polluted":1}}'),
    ],
  ];
  for (const [says, query, reason, rule = simple, body] of rows)
    test(says, () => {
      const content = body === undefined ? undefined : ({ kind: "json", json: body } as const);
      const method = rule.pattern?.case === "post" ? "POST" : "GET";
      assert.throws(
        () => read(bind("Get", rule), `${method} /v1/messages/1?${query}`, content),
        (error: Error) => {
          assert.match(error.message, reason);
          return error.message.startsWith("[invalid_argument]");
        },
      );
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    });

  test("a value in the path that its field cannot have", () => {
    const bindings = bind("Get", get("/v1/{revision}"));
    assert.throws(() => read(bindings, "GET /v1/x", undefined), /parameter "revision" .*whole number/);
  });

  test("a body that agrees with the path passes, for clients send back what they got", () => {
    const bindings = bind("Put", { pattern: { case: "put", value: "/v1/messages/{message_id}" }, body: "*" });
    for (const messageId of ["7", ""]) {
      const message = read(bindings, "PUT /v1/messages/7", { kind: "json", json: { messageId, text: "x" } });
      assert.equal((message as never as { messageId: string }).messageId, "7");
    }
  });

  test("forms write a space as a plus", () => {
    const message = read(bind("Get", simple), "GET /v1/messages/1?user_id=a+b%2Bc&&tags=", undefined);
    assert.deepEqual(toJson(methodNamed(contract, "Messaging.Get").input, message), {
      messageId: "1",
      userId: "a b+c",
      tags: [""],
    });
  });
});

describe("messages that no request can carry are refused when they are written", () => {
  const rows: readonly (readonly [rule: Rule, message: JsonValue, reason: RegExp])[] = [
    [simple, {}, /message_id stands in the path, and "" is not of the form \*/],
    [simple, { messageId: ".." }, /"\.\." means another path/],
    [simple, { messageId: "a/../b" }, /"a\/\.\.\/b" means another path/],
    [get("/v1/{sub.subfield}"), {}, /sub\.subfield stands in the path and is not set/],
    [get("/v1/{one}"), {}, /one stands in the path and is not set/],
    [get("/v1/{at}"), {}, /at stands in the path and is not set/],
    [
      get("/v1/{message_id=users/*}"),
      { messageId: "users/1/2" },
      /"users\/1\/2" is not of the form users\/\*/,
    ],
    [get("/v1/{message_id=users/*}"), { messageId: "groups/1" }, /not of the form users\/\*/],
    [get("/v1/{message_id=users/*}"), { messageId: "users/" }, /not of the form users\/\*/],
    [get("/v1/{message_id=**}"), { messageId: "/etc" }, /not of the form \*\*/],
    [get("/v1/{message_id=**}"), { messageId: "a/../b" }, /means another path/],
    [simple, { messageId: "1", labels: { a: "b" } }, /labels is set, and has no form in a query/],
    [simple, { messageId: "1", subs: [{}] }, /subs is set, and has no form in a query/],
    [simple, { messageId: "1", sub: {}, any: {} }, /any is set, and has no form in a query/],
  ];
  for (const [rule, message, reason] of rows)
    test(String(reason), () => {
      const input = methodNamed(contract, "Messaging.Get").input;
      assert.throws(() => writeRequest(bind("Get", rule), fromJson(input, message), contract), reason);
    });

  test("a method without a rule", () => {
    const { input } = methodNamed(contract, "Messaging.Get");
    assert.throws(() => writeRequest([], create(input), contract), /it has no HTTP rule/);
  });
});

describe("bodies that are not JSON", () => {
  const data = Uint8Array.of(0, 255, 7);

  test("a field of HttpBody is the body as it is", () => {
    const bindings = bind("Upload", post("/v1/files/{name}", "file"));
    const raw = { kind: "raw", contentType: "image/png", data } as const;
    const message = read(bindings, "POST /v1/files/a", raw);
    assert.deepEqual(toJson(methodNamed(contract, "Messaging.Upload").input, message), {
      name: "a",
      file: { contentType: "image/png", data: "AP8H" },
    });
    const { path, body } = writeRequest(bindings, message, contract);
    assert.deepEqual([path, body], ["/v1/files/a", raw]);
    assert.equal(
      writeRequest(bindings, read(bindings, "POST /v1/files/a", undefined), contract).body,
      undefined,
    );
  });

  test("so is a request that is an HttpBody", () => {
    const bindings = bind("Raw", post("/v1/raw"));
    const raw = { kind: "raw", contentType: "text/plain", data } as const;
    assert.deepEqual(writeRequest(bindings, read(bindings, "POST /v1/raw", raw), contract).body, raw);
  });

  test("and any other body is JSON", () => {
    const raw = { kind: "raw", contentType: "text/plain", data } as const;
    assert.throws(() => read(bind("Put", post("/v1/x")), "POST /v1/x", raw), /its body is JSON/);
  });
});

describe("answers", () => {
  const message = { messageId: "1", message: { text: "x" }, words: ["a"] };
  const rows: readonly (readonly [
    says: string,
    responseBody: string,
    message: JsonValue,
    body: JsonValue,
  ])[] = [
    ["are the whole response", "", message, message],
    ["or the field that response_body names", "message", message, { text: "x" }],
    ["which may be repeated", "words", message, ["a"]],
    ["and empty", "words", {}, []],
    ["or a text", "note", { note: "x" }, "x"],
    ["that is empty", "note", {}, ""],
    ["or not set", "message", {}, null],
  ];
  for (const [says, responseBody, response, body] of rows)
    test(`${says}: ${responseBody || "all"} ${JSON.stringify(body)}`, () => {
      const [binding] = bind("Put", post("/v1/x", "*", { responseBody }));
      assert.ok(binding !== undefined);
      const { output } = binding.method;
      const written = writeResponse(binding, fromJson(output, response), { registry: contract });
      assert.deepEqual(written, { kind: "json", json: body });
      const expected =
        responseBody === ""
          ? response
          : body === null || body === "" || (Array.isArray(body) && body.length === 0)
            ? {}
            : { [responseBody]: body };
      assert.deepEqual(toJson(output, readResponse(binding, written, { registry: contract })), expected);
    });

  test("requests and answers may be plain objects", () => {
    const bindings = bind("Put", { pattern: { case: "put", value: "/v1/messages/{message_id}" }, body: "*" });
    const { path, body } = writeRequest(bindings, { messageId: "1", sub: { subfield: "x" } }, contract);
    assert.deepEqual([path, body], ["/v1/messages/1", { kind: "json", json: { sub: { subfield: "x" } } }]);
    const [binding] = bindings;
    assert.ok(binding !== undefined);
    const written = writeResponse(binding, { message: { text: "x" } }, { registry: contract });
    assert.deepEqual(written, { kind: "json", json: { message: { text: "x" } } });
  });

  test("HttpBody is the answer as it is", () => {
    const [binding] = bind("Upload", post("/v1/x", "file"));
    assert.ok(binding !== undefined);
    const response = fromJson(binding.method.output, { contentType: "image/png", data: "AP8H" });
    const written = writeResponse(binding, response, { registry: contract });
    assert.deepEqual(written, { kind: "raw", contentType: "image/png", data: Uint8Array.of(0, 255, 7) });
    assert.deepEqual(readResponse(binding, written, { registry: contract }), response);
    assert.deepEqual(writeResponse(binding, create(binding.method.output), { registry: contract }), {
      kind: "raw",
      contentType: "",
      data: new Uint8Array(0),
    });
  });
});
