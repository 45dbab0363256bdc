/** The document of the order system, as its customers get it, before two validators of OpenAPI 3.1, and what it says. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { validate as validateByReadme } from "@readme/openapi-parser";
import { Validator } from "@seriousme/openapi-schema-validator";
import { startTestShop } from "../../examples/orders/test-shop.ts";

test("the order system's document passes two validators of OpenAPI 3.1, and has all that its customers need", async () => {
  await using shop = await startTestShop();
  const response = await fetch(`${await shop.startFront()}/openapi.json`);
  // oxlint-disable-next-line typescript/no-explicit-any -- it is looked into as JSON
  const made = (await response.json()) as any;
  assert.equal(made.openapi, "3.1.1");
  const bySchema = await new Validator().validate(structuredClone(made));
  assert.deepEqual(bySchema.errors ?? [], []);
  const byReadme = await validateByReadme(structuredClone(made));
  assert.ok(byReadme.valid, JSON.stringify(byReadme, null, 1));
  assert.deepEqual(byReadme.warnings, []);

  const operations = Object.entries<object>(made.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method} ${path}`),
  );
  assert.deepEqual(operations.toSorted(), [
    "get /v1/orders",
    "get /v1/orders/{order_id}",
    "get /v1/orders:export",
    "get /v1/stock",
    "get /v1/stock/{sku}",
    "patch /v1/orders/{order_id}",
    "post /v1/orders",
  ]);
  const place = made.paths["/v1/orders"].post;
  assert.equal(place.summary, "Places an order");
  assert.deepEqual(Object.keys(place.responses), ["200", "201", "402", "404", "409", "default"]);
  assert.equal(made.components.schemas["shop.v1.PlaceOrderRequest.Input"].properties.quantity.maximum, 1000);
});
