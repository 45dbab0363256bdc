import assert from "node:assert/strict";
import { test } from "node:test";
import { readEndpointSlice } from "./endpoint-slice.ts";
import { contractLabel, readServiceTraits } from "./service-labels.ts";

const slice = (labels: Record<string, string>, annotations: Record<string, string> = {}) =>
  readEndpointSlice({ metadata: { name: "x", namespace: "shop", labels, annotations } });
const noProtocol = { appProtocol: "" };

test("a contract is a label; one that is no label's name is told by its hash", () => {
  assert.equal(contractLabel("shop.v1.OrderService"), "contract.heddle.dev/shop.v1.OrderService");
  const fits = `a.${"B".repeat(61)}`;
  assert.equal(contractLabel(fits), `contract.heddle.dev/${fits}`);
  for (const unfit of [`a.${"B".repeat(62)}`, "a.B_", "_a.B"])
    assert.match(contractLabel(unfit), /^contract\.heddle\.dev\/sha256-[0-9a-f]{40}$/);
  assert.notEqual(contractLabel("a.B_"), contractLabel("a.C_"));
});

test("labels and annotations of the Service say what its instances are", () => {
  const traits = readServiceTraits(
    slice(
      {
        "kubernetes.io/service-name": "orders",
        "contract.heddle.dev/shop.v1.OrderService": "",
        "contract.heddle.dev/sha256-0123": "",
        "app.kubernetes.io/version": "2.1.0",
      },
      {
        "heddle.dev/contracts": "shop.v1.OrderService, shop.v1.Refunds",
        "heddle.dev/protocols": "grpc, connect",
        "heddle.dev/tls": "on",
        "heddle.dev/weight": "5",
      },
    ),
    noProtocol,
  );
  assert.deepEqual(traits, {
    service: "orders",
    contracts: ["shop.v1.OrderService", "shop.v1.Refunds"],
    protocols: ["grpc", "connect"],
    weight: 5,
    tls: true,
    version: "2.1.0",
  });
});

test("nothing said is nothing known, and nonsense is as if it weren't said", () => {
  const plain = { service: "", contracts: [], protocols: [], weight: 1 };
  assert.deepEqual(readServiceTraits(slice({}), noProtocol), plain);
  const nonsense = slice({}, { "heddle.dev/weight": "-3", "heddle.dev/tls": "maybe" });
  assert.deepEqual(readServiceTraits(nonsense, noProtocol), plain);
});

test("a port's protocol says whether there is TLS, unless an annotation does", () => {
  const tlsOf = (appProtocol: string, annotations: Record<string, string> = {}) =>
    readServiceTraits(slice({}, annotations), { appProtocol }).tls;
  assert.equal(tlsOf("kubernetes.io/h2c"), false);
  assert.equal(tlsOf("https"), true);
  assert.equal(tlsOf("grpc"), undefined);
  assert.equal(tlsOf("https", { "heddle.dev/tls": "off" }), false);
});
