import assert from "node:assert/strict";
import { test } from "node:test";
import { HeddleError } from "../../call/errors.ts";
import { parseTarget } from "../target.ts";
import { toSliceQuery } from "./kubernetes-target.ts";

const query = (text: string) => toSliceQuery(parseTarget(text));

test("a name is a Service, with a namespace before or after it", () => {
  const orders = {
    namespace: undefined,
    port: undefined,
    contract: undefined,
    labelSelector: "kubernetes.io/service-name=orders",
  };
  assert.deepEqual(query("heddle:///orders"), orders);
  assert.deepEqual(query("kubernetes:///orders"), orders);
  assert.deepEqual(query("kubernetes:///shop/orders"), { ...orders, namespace: "shop" });
  assert.deepEqual(query("kubernetes:///orders.shop:grpc"), { ...orders, namespace: "shop", port: "grpc" });
  assert.deepEqual(query("kubernetes:///orders?namespace=shop&port=4001"), {
    ...orders,
    namespace: "shop",
    port: "4001",
  });
});

test("a name with a dot whose last part begins with a capital is a contract", () => {
  assert.deepEqual(query("heddle:///shop.v1.OrderService"), {
    namespace: undefined,
    port: undefined,
    contract: "shop.v1.OrderService",
    labelSelector: "contract.heddle.dev/shop.v1.OrderService",
  });
  assert.equal(query("kubernetes:///shop/shop.v1.OrderService:4001").namespace, "shop");
});

test("what Kubernetes can't have is refused with a reason", () => {
  for (const [text, reason] of [
    ["kubernetes:///Orders", /write service/],
    ["kubernetes:///a.b.c", /write service/],
    ["kubernetes:///a/b/c", /write service/],
    ["kubernetes:///SHOP/orders", /name of a namespace/],
    ["kubernetes:///orders?port=70000", /port is a number/],
    ["kubernetes:///orders:no_port", /port is a number/],
    ["kubernetes:///orders?ports=grpc", /did you mean port/],
    [`kubernetes:///${"a".repeat(64)}`, /write service/],
  ] as const) {
    assert.throws(
      () => query(text),
      (error) =>
        error instanceof HeddleError && error.reason === "targetInvalid" && reason.test(error.message),
      text,
    );
  }
});
