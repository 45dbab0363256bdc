import assert from "node:assert/strict";
import { test } from "node:test";
import { compareContracts } from "./compare-contracts.ts";
import { compile } from "./compile.test.ts";
import { findLiveBreaks, type LiveFacts, type LiveUsage } from "./live-breaks.ts";

const SHOP = `syntax = "proto3"; package shop.v1;
service OrderService { rpc GetOrder(GetOrderRequest) returns (Order); rpc Ping(PingRequest) returns (PingResponse); }
message Order { string id = 1; string legacy_code = 2; State state = 3; Extra extra = 4; }
message Extra { string a = 1; string b = 2; }
message GetOrderRequest { string id = 1; }
message PingRequest { string id = 1; }
message PingResponse { string id = 1; }
enum State { STATE_UNSPECIFIED = 0; STATE_OPEN = 1; }`;

const GET = "shop.v1.OrderService/GetOrder";

function used(
  caller: string,
  fields: Readonly<Record<string, number>>,
  given: Partial<LiveUsage> = {},
): LiveUsage {
  return {
    day: "2026-03-02",
    caller,
    method: GET,
    json: false,
    calls: 1_000,
    restCalls: 0,
    sampledCalls: 100,
    fields: Object.entries(fields).map(([field, readIn]) => ({ field, readIn, setIn: 0 })),
    fieldsCut: false,
    ...given,
  };
}

function judge(from: string | RegExp, to: string, facts: Partial<LiveFacts>) {
  const before = compile({ "shop/v1/shop.proto": SHOP });
  const after = compile({ "shop/v1/shop.proto": SHOP.replace(from, to) });
  const deployed = [{ contract: before, breaks: compareContracts(before, after), instances: ["orders-1"] }];
  const found = findLiveBreaks(deployed, { usage: [], today: "2026-03-02", silent: [], gaps: [], ...facts });
  return found.map(({ change, state, callers, looked, unknown }) => ({
    name: change.name,
    state,
    callers: callers.map(
      ({ caller, how, today, total, about }) => `${caller} ${how} ${today} ${total}${about ? " about" : ""}`,
    ),
    looked,
    unknown,
  }));
}

const gone = [" string legacy_code = 2;", " reserved 2;"] as const;

test("a reader is named with its count, worked out from the part that was looked at, by day and in all", () => {
  const usage = [
    used("billing", { "shop.v1.Order.legacy_code": 50 }),
    used("billing", { "shop.v1.Order.legacy_code": 100 }, { day: "2026-03-01" }),
    used("web", { "shop.v1.Order.id": 100 }),
  ];
  const [found] = judge(...gone, { usage });
  assert.deepEqual([found?.state, found?.callers], ["breaks", ["billing reads 500 1500 about"]]);
});

test("nobody is said to use it only when all have said what they use", () => {
  const usage = [used("web", { "shop.v1.Order.id": 100 })];
  assert.deepEqual(judge(...gone, { usage })[0]?.state, "unused");
  assert.deepEqual(judge(...gone, { usage })[0]?.looked, { calls: 1_000, sampledCalls: 100 });
  const silent = judge(...gone, { usage, silent: ["old-1"] })[0];
  assert.deepEqual([silent?.state, silent?.unknown], ["unknown", ["old-1 does not say what it uses"]]);
  assert.equal(judge(...gone, { usage, gaps: ["something was lost"] })[0]?.state, "unknown");
  assert.equal(judge(...gone, { usage: [used("web", {}, { fieldsCut: true })] })[0]?.state, "unknown");
});

test("more reads than samples, of answers that are read late, are no more than all calls", () => {
  const [found] = judge(...gone, { usage: [used("web", { "shop.v1.Order.legacy_code": 200 })] });
  assert.deepEqual(found?.callers, ["web reads 1000 1000 about"]);
});

test("a new name breaks who speaks JSON alone", () => {
  const rename = [/legacy_code/, "code"] as const;
  const fields = { "shop.v1.Order.legacy_code": 100 };
  assert.equal(judge(...rename, { usage: [used("web", fields)] })[0]?.state, "unused");
  const [found] = judge(...rename, { usage: [used("web", fields), used("page", fields, { json: true })] });
  assert.deepEqual(found?.callers, ["page reads 1000 1000 about"]);
});

test("a value of an enum breaks who reads a field of it; what was reached elsewhere does not", () => {
  const [found] = judge(" STATE_OPEN = 1;", "", {
    usage: [used("web", { "shop.v1.Order.state": 10 }), used("other", { "other.v1.Order.state": 10 })],
  });
  assert.deepEqual(found?.callers, ["web reads 100 100 about"]);
});

test("a method breaks who calls it, exactly; one that nobody calls breaks nobody", () => {
  const all = { usage: [used("web", {})] };
  const [get] = judge(/rpc GetOrder.*?; /, "", all);
  assert.deepEqual([get?.state, get?.callers], ["breaks", ["web calls 1000 1000"]]);
  assert.equal(judge(/rpc Ping.*?; /, "", all)[0]?.state, "unused");
});

test("a message that is gone breaks who reads a field of it, and the field that holds it who reads that", () => {
  const changed = SHOP.replace(" Extra extra = 4;", "").replace(/message Extra.*\n/, "");
  const found = judge(SHOP, changed, {
    usage: [used("web", { "shop.v1.Order.extra": 30, "shop.v1.Extra.a": 20 })],
  });
  const states = Object.fromEntries(found.map(({ name, callers }) => [name, callers]));
  assert.deepEqual(states, {
    "shop.v1.Order.extra": ["web reads 300 300 about"],
    "shop.v1.Extra": ["web reads 200 200 about"],
  });
});

test("what no running program notices is harmless", () => {
  const [found] = judge("package shop.v1;", 'package shop.v1; option java_package = "com.shop";', {
    silent: ["old-1"],
  });
  assert.equal(found?.state, "harmless");
});

const WITH_ERRORS = `syntax = "proto3"; package shop.v1; import "heddle/options/v1/errors.proto";
service OrderService { rpc GetOrder(GetOrderRequest) returns (Order) {
  option (heddle.options.v1.error) = { code: NOT_FOUND detail: "shop.v1.OrderUnknown" }; } }
message Order { string id = 1; }
message GetOrderRequest { string id = 1; }
message OrderUnknown { Hint hint = 1; }
message Hint { string id = 1; string text = 2; }
message Parcel { string id = 1; string text = 2; }`;

test("what is read of errors, and of types that no method holds, is not counted: nobody is said not to read it", () => {
  const judgeGone = (message: string, usage: readonly LiveUsage[]) => {
    const before = compile({ "shop/v1/shop.proto": WITH_ERRORS });
    const pattern = new RegExp(`(message ${message} .*) string text = 2;`);
    const after = compile({ "shop/v1/shop.proto": WITH_ERRORS.replace(pattern, "$1") });
    const deployed = [{ contract: before, breaks: compareContracts(before, after), instances: ["orders-1"] }];
    const found = findLiveBreaks(deployed, { usage, today: "2026-03-02", silent: [], gaps: [] });
    return found.map(({ state, unknown }) => [state, ...unknown]);
  };
  assert.deepEqual(judgeGone("Hint", [used("web", {})]), [
    ["unknown", `what is read of errors is not counted, and ${GET} is called`],
  ]);
  assert.deepEqual(judgeGone("Hint", []), [["unused"]]);
  assert.deepEqual(judgeGone("Parcel", [used("web", {})]), [
    [
      "unknown",
      "shop.v1.Parcel is in no request and no answer of a method, and what is read elsewhere is not counted",
    ],
  ]);
});

const OUTSIDERS = "callers over plain HTTP that are not in the mesh do not say what they use";

function judgePath(rule: string, moved: string, usage: readonly LiveUsage[], rest = true) {
  const shop = (option: string) =>
    compile({
      "shop/v1/shop.proto": `syntax = "proto3"; package shop.v1; import "google/api/annotations.proto";
service OrderService { rpc GetOrder(GetOrderRequest) returns (Order) { option (google.api.http) = { ${option} }; } }
message Order { string id = 1; }
message GetOrderRequest { string id = 1; }`,
    });
  const before = shop(rule);
  const deployed = [{ contract: before, breaks: compareContracts(before, shop(moved)), instances: [], rest }];
  const found = findLiveBreaks(deployed, { usage, today: "2026-03-02", silent: [], gaps: [] });
  return found.map(({ state, callers, unknown }) => [
    state,
    ...callers.map(({ caller, how, today, total }) => `${caller} ${how} ${today} ${total}`),
    ...unknown,
  ]);
}

test("a path that moves breaks who calls over plain HTTP, by those calls alone; who is not in the mesh stays unknown", () => {
  const paths = ['get: "/v1/orders/{id}"', 'get: "/v2/orders/{id}"'] as const;
  const web = used("web", {}, { json: true, restCalls: 300 });
  const yesterday = used("web", {}, { json: true, restCalls: 20, day: "2026-03-01" });
  const page = used("page", {}, { json: true });
  assert.deepEqual(judgePath(...paths, [web, yesterday, page]), [["breaks", "web calls 300 320", OUTSIDERS]]);
  assert.deepEqual(judgePath(...paths, [page]), [["unknown", OUTSIDERS]]);
});

test("of several paths of a method it is not known which one is called: the caller is named, and not as broken", () => {
  const second = ' additional_bindings { get: "/v1/old/{id}" }';
  const web = used("web", {}, { json: true, restCalls: 300 });
  assert.deepEqual(judgePath(`get: "/v1/orders/{id}"${second}`, 'get: "/v1/orders/{id}"', [web]), [
    [
      "unknown",
      "web has called over plain HTTP 300 times, 300 of them today, by which of its paths is not counted",
      OUTSIDERS,
    ],
  ]);
});

test("what is not answered over plain HTTP breaks nobody there", () => {
  const paths = ['get: "/v1/orders/{id}"', 'get: "/v2/orders/{id}"'] as const;
  assert.deepEqual(judgePath(...paths, [], false), []);
});
