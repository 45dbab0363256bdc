import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { createBindings } from "./binding.ts";
import { createBindingRouter } from "./binding-router.ts";
import { type ContractText, contractOf, methodNamed } from "./contract-of.test.ts";
import { standardRule } from "./standard-methods.ts";

const order = { order_id: "string", total: "int64" };

/** `GET /v1/orders/{order_id} | body` */
function ruleOf(
  name: string,
  input: Record<string, string>,
  more: Partial<ContractText> = {},
  streams = "",
): string {
  const method = name.split(".").at(-1) as string;
  const service = name.includes(".") ? (name.split(".")[0] as string) : "OrderService";
  const contract = contractOf({
    package: "shop.v1",
    ...more,
    messages: { Order: order, Page: { orders: "repeated Order" }, In: input, ...more.messages },
    services: {
      [service]: {
        [method]: {
          in: streams === "in" ? "stream In" : "In",
          out: method.startsWith("List") ? "Page" : "Order",
          ...(method.startsWith("Find") ? { idempotency: Idempotency.NO_SIDE_EFFECTS } : {}),
        },
      },
    },
  });
  const bindings = createBindings(
    methodNamed(contract, `${service}.${method}`),
    standardRule(methodNamed(contract, `${service}.${method}`)),
  );
  const [{ httpMethod, template, body }] = bindings as [(typeof bindings)[number]];
  const shown = { none: "", all: " | *", field: ` | ${body.kind === "field" ? body.field.name : ""}` };
  return `${httpMethod} ${template.text}${shown[body.kind]}`;
}

const books = {
  messages: { Book: { name: "string" }, Books: { books: "repeated Book" } },
  resources: { Book: ["publishers/{publisher}/books/{book}", "books/{book}"] },
};

describe("by convention", () => {
  const rows: readonly (readonly [method: string, input: Record<string, string>, rule: string])[] = [
    ["GetOrder", { order_id: "string" }, "GET /v1/orders/{order_id}"],
    ["GetOrder", { id: "int64", view: "string" }, "GET /v1/orders/{id}"],
    ["GetOrder", { name: "string" }, "GET /v1/{name=orders/*}"],
    ["GetOrder", { name: "string", id: "string" }, "GET /v1/orders/{id}"],
    ["GetOrder", { key: "string" }, "POST /v1/orders:get | *"],
    ["GetOrderItem", { order_item_id: "string" }, "GET /v1/orderItems/{order_item_id}"],
    ["ListOrders", { page_size: "int32" }, "GET /v1/orders"],
    ["ListOrders", { parent: "string" }, "GET /v1/{parent=*/*}/orders"],
    ["ListAddresses", {}, "GET /v1/addresses"],
    ["ListMenus", {}, "GET /v1/menus"],
    ["CreateOrder", { order: "Order" }, "POST /v1/orders | order"],
    ["CreateOrder", { total: "int64" }, "POST /v1/orders | *"],
    ["CreateCategory", { label: "string" }, "POST /v1/categories | *"],
    ["CreateAddress", { label: "string" }, "POST /v1/addresses | *"],
    ["CreateOrder", { parent: "string", order: "Order" }, "POST /v1/{parent=*/*}/orders | order"],
    [
      "UpdateOrder",
      { order: "Order", update_mask: "google.protobuf.FieldMask" },
      "PATCH /v1/orders/{order.order_id} | order",
    ],
    ["UpdateOrder", { order_id: "string", total: "int64" }, "PATCH /v1/orders/{order_id} | *"],
    ["DeleteOrder", { order_id: "string" }, "DELETE /v1/orders/{order_id}"],
    ["DeleteOrder", { id: "string", etag: "string" }, "DELETE /v1/orders/{id}"],
    ["CancelOrder", { order_id: "string", reason: "string" }, "POST /v1/orders/{order_id}:cancel | *"],
    ["PlaceOrder", { order: "Order" }, "POST /v1/orders:place | *"],
    ["PlaceHTTPOrder", { order: "Order" }, "POST /v1/httpOrders:place | *"],
    ["BatchGetOrders", { ids: "repeated string" }, "POST /v1/orders:batchGet | *"],
    ["FindOrder", { order_id: "string" }, "GET /v1/orders/{order_id}:find"],
    ["FindOrder", { order: "Order", tags: "repeated string" }, "GET /v1/orders:find"],
    ["FindOrder", { orders: "repeated Order" }, "POST /v1/orders:find | *"],
    ["Greet", { who: "string" }, "POST /v1/order:greet | *"],
    ["Greeter.SayHello", { who: "string" }, "POST /v1/hellos:say | *"],
    ["Constructor", {}, "POST /v1/order:constructor | *"],
  ];
  for (const [method, input, rule] of rows)
    test(`${method}(${Object.keys(input).join(", ")}): ${rule}`, () =>
      assert.equal(ruleOf(method, input), rule));

  test("a method that reads a stream is no standard one", () => {
    assert.equal(ruleOf("CreateOrder", { order: "Order" }, {}, "in"), "POST /v1/orders:create | *");
  });

  test("a package without a version has none in its paths", () => {
    for (const [name, prefix] of [
      ["shop", ""],
      ["shop.v1beta2", "/v1beta2"],
      ["v1.shop", ""],
    ] as const)
      assert.equal(ruleOf("GetOrder", { id: "string" }, { package: name }), `GET ${prefix}/orders/{id}`);
  });
});

test("with patterns of resource names, paths are made of them", () => {
  const contract = contractOf({
    package: "library.v1",
    messages: {
      ...books.messages,
      Named: { name: "string" },
      Parent: { parent: "string" },
      Create: { parent: "string", book: "Book" },
      Update: { book: "Book" },
    },
    resources: books.resources,
    services: {
      Library: {
        GetBook: { in: "Named", out: "Book" },
        ListBooks: { in: "Parent", out: "Books" },
        CreateBook: { in: "Create", out: "Book" },
        UpdateBook: { in: "Update", out: "Book" },
        DeleteBook: { in: "Named", out: "google.protobuf.Empty" },
        BorrowBook: { in: "Named", out: "Book" },
      },
    },
  });
  const methods = ["GetBook", "ListBooks", "CreateBook", "UpdateBook", "DeleteBook", "BorrowBook"];
  const bindings = methods.flatMap((name) => {
    const method = methodNamed(contract, `Library.${name}`);
    return createBindings(method, standardRule(method));
  });
  assert.deepEqual(
    bindings.map(({ httpMethod, template }) => `${httpMethod} ${template.text}`),
    [
      "GET /v1/{name=publishers/*/books/*}",
      "GET /v1/{parent=publishers/*}/books",
      "POST /v1/{parent=publishers/*}/books",
      "PATCH /v1/{book.name=publishers/*/books/*}",
      "DELETE /v1/{name=publishers/*/books/*}",
      "POST /v1/{name=publishers/*/books/*}:borrow",
    ],
  );
  assert.deepEqual(createBindingRouter(bindings).find("PUT", "/v1/publishers/a/books/b"), {
    kind: "method",
    allowed: ["DELETE", "GET", "HEAD", "PATCH"],
  });
});
