import assert from "node:assert/strict";
import { test } from "node:test";
import { compareContracts } from "./compare-contracts.ts";
import { compile } from "./compile.test.ts";

function shop(rpcs: string, messages = ORDER): Readonly<Record<string, string>> {
  return {
    "shop/v1/shop.proto": `syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
import "google/protobuf/empty.proto";
import "heddle/options/v1/http.proto";
service OrderService {
${rpcs}
}
${messages}`,
  };
}

const ORDER = `message Order { string id = 1; string legacy_code = 2; State state = 3; }
message GetOrderRequest { string order_id = 1; string shop = 2; }
message CreateOrderRequest { Order order = 1; string shop = 2; }
enum State { STATE_UNSPECIFIED = 0; STATE_OPEN = 1; }`;

const get = (rule: string) =>
  `  rpc GetOrder(GetOrderRequest) returns (Order) { option (google.api.http) = { ${rule} }; }`;
const create = (rule: string, more = "") =>
  `  rpc CreateOrder(CreateOrderRequest) returns (Order) { option (google.api.http) = { ${rule} }; ${more} }`;

function restBreaks(before: string, after: string): readonly string[] {
  return compareContracts(compile(shop(before)), compile(shop(after))).map(
    ({ rules, what, broken, place }) => `${rules.join()} ${broken.join()} :${place?.line ?? "?"} ${what}`,
  );
}

const cases: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    "another name of a variable breaks nobody",
    get('get: "/v1/orders/{order_id}"'),
    get('get: "/v1/orders/{order_id=*}"'),
    [],
  ],
  [
    "a wider path breaks nobody",
    get('get: "/v1/orders/{order_id}"'),
    get('get: "/v1/{shop=*}/{order_id}"').replace("{shop=*}", "*"),
    [],
  ],
  [
    "one more way breaks nobody",
    get('get: "/v1/orders/{order_id}"'),
    get('get: "/v1/orders/{order_id}" additional_bindings { get: "/v1/o/{order_id}" }'),
    [],
  ],
  [
    "another path",
    get('get: "/v1/orders/{order_id}"'),
    get('get: "/v1/purchases/{order_id}"'),
    ["REST_BINDING_NO_DELETE rest :7 GET /v1/orders/{order_id}: nothing answers there any more"],
  ],
  [
    "another method of HTTP",
    create('post: "/v1/orders" body: "*"'),
    create('put: "/v1/orders" body: "*"'),
    ["REST_BINDING_NO_DELETE rest :7 POST /v1/orders: nothing answers there any more"],
  ],
  [
    "a way that another method has now",
    `${get('get: "/v1/orders/{order_id}"')}\n${create('post: "/v1/orders" body: "*"')}`,
    `${get('post: "/v1/orders" body: "*"')}\n${create('post: "/v1/neworders" body: "*"')}`,
    [
      "REST_BINDING_NO_DELETE rest :7 GET /v1/orders/{order_id}: nothing answers there any more",
      "REST_BINDING_SAME_METHOD rest :8 POST /v1/orders: it is shop.v1.OrderService/GetOrder now, and was shop.v1.OrderService/CreateOrder",
    ],
  ],
  [
    "a variable that fills another field",
    get('get: "/v1/orders/{order_id}"'),
    get('get: "/v1/orders/{shop}"'),
    [
      "REST_SAME_PATH_VARIABLE rest :7 GET /v1/orders/{order_id}: {order_id} fills shop now, and filled order_id",
    ],
  ],
  [
    "another body",
    create('post: "/v1/orders" body: "*"'),
    create('post: "/v1/orders" body: "order"'),
    ["REST_SAME_BODY rest :7 POST /v1/orders: the body is field order now, and was the request"],
  ],
  [
    "from the body to the query",
    create('post: "/v1/orders" body: "*"'),
    create('post: "/v1/orders"'),
    ["REST_SAME_BODY rest :7 POST /v1/orders: the body is nothing now, and was the request"],
  ],
  [
    "another body of the answer",
    get('get: "/v1/orders/{order_id}"'),
    get('get: "/v1/orders/{order_id}" response_body: "id"'),
    [
      "REST_SAME_RESPONSE_BODY rest :7 GET /v1/orders/{order_id}: the answer's body is its field id now, and was the answer",
    ],
  ],
  [
    "another status",
    create('post: "/v1/orders" body: "*"'),
    create(
      'post: "/v1/orders" body: "*"',
      'option (heddle.options.v1.rest) = { location: "/v1/orders/{id}" };',
    ),
    ["REST_SAME_STATUS rest :7 POST /v1/orders: success is 201 now, and was 200"],
  ],
];

for (const [title, before, after, expected] of cases)
  test(`plain HTTP: ${title}`, () => {
    assert.deepEqual(restBreaks(before, after), expected);
  });

test("a field that plain HTTP shows breaks its callers, reserved or not; another one does not", () => {
  const annotated = get('get: "/v1/orders/{order_id}"');
  const plain = "  rpc GetOrder(GetOrderRequest) returns (Order);";
  const without = ORDER.replace("string legacy_code = 2;", 'reserved 2; reserved "legacy_code";');
  for (const [rpcs, broken] of [
    [annotated, ["source", "rest"]],
    [plain, ["source"]],
  ] as const) {
    const [found, ...others] = compareContracts(compile(shop(rpcs)), compile(shop(rpcs, without)));
    assert.deepEqual(others, []);
    assert.deepEqual(found?.broken, broken);
    assert.equal(found?.name, "shop.v1.Order.legacy_code");
    assert.deepEqual(found?.place, { file: "shop/v1/shop.proto", line: 9 });
    assert.deepEqual(found?.was, { file: "shop/v1/shop.proto", line: 9 });
  }
});

test("a method that is called by convention has a path as well, when it is served so", () => {
  const before = shop("  rpc GetOrder(GetOrderRequest) returns (Order);");
  const after = shop("  rpc GetOrder(GetOrderRequest) returns (Order);", ORDER.replace("order_id", "name"));
  const rules = (conventions: boolean) =>
    compareContracts(compile(before, { conventions }), compile(after, { conventions })).flatMap(
      ({ rules: all }) => all,
    );
  assert.deepEqual(rules(false), ["FIELD_SAME_NAME", "FIELD_SAME_JSON_NAME"]);
  assert.ok(rules(true).includes("REST_SAME_PATH_VARIABLE"), rules(true).join());
});

test("a contract whose rule cannot be served is compared as far as it goes", () => {
  const before = shop(get('get: "/v1/orders/{order_id}"'));
  const after = shop(get('get: "/v1/orders/{nothing}"'));
  const [found] = compareContracts(compile(before), compile(after));
  assert.deepEqual(found?.rules, ["REST_BINDING_NO_DELETE"]);
});

test("what a problem shows of the errors that a method declares is seen over plain HTTP", () => {
  const sources = shop(
    get('get: "/v1/orders/{order_id}"').replace(
      "; }",
      '; option (heddle.options.v1.error) = { code: NOT_FOUND detail: "shop.v1.OrderUnknown" }; }',
    ),
    `${ORDER}\nmessage OrderUnknown { string order_id = 1; string hint = 2; }`,
  );
  const from = Object.fromEntries(
    Object.entries(sources).map(([path, text]) => [
      path,
      text.replace('import "google/api/annotations.proto";', '$&\nimport "heddle/options/v1/errors.proto";'),
    ]),
  );
  const to = Object.fromEntries(
    Object.entries(from).map(([path, text]) => [path, text.replace(" string hint = 2;", "")]),
  );
  const [found] = compareContracts(compile(from), compile(to));
  assert.deepEqual([found?.name, found?.broken.includes("rest")], ["shop.v1.OrderUnknown.hint", true]);
});
