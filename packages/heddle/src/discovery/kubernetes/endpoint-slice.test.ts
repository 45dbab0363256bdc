import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readEndpointSlice } from "./endpoint-slice.ts";

const metadata = { name: "orders-x1", namespace: "shop", resourceVersion: "7" };

test("a slice is read as the controller writes it", () => {
  const slice = readEndpointSlice({
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": "orders" }, annotations: { a: "b" } },
    addressType: "IPv4",
    ports: [
      { name: "grpc", port: 4001, protocol: "TCP", appProtocol: "kubernetes.io/h2c" },
      { name: "dns", port: 53, protocol: "UDP" },
    ],
    endpoints: [
      {
        addresses: ["10.1.0.7"],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: "node-3",
        zone: "eu-west-1a",
        hints: { forZones: [{ name: "eu-west-1a" }, { name: "eu-west-1b" }] },
        targetRef: { kind: "Pod", name: "orders-6d-abc", namespace: "shop" },
      },
    ],
  });
  assert.deepEqual(slice, {
    key: "shop/orders-x1",
    namespace: "shop",
    resourceVersion: "7",
    labels: { "kubernetes.io/service-name": "orders" },
    annotations: { a: "b" },
    addressType: "IPv4",
    ports: [{ name: "grpc", port: 4001, appProtocol: "kubernetes.io/h2c" }],
    endpoints: [
      {
        addresses: ["10.1.0.7"],
        targetName: "orders-6d-abc",
        use: "ready",
        zone: "eu-west-1a",
        node: "node-3",
        forZones: ["eu-west-1a", "eu-west-1b"],
      },
    ],
  });
});

test("conditions decide what an endpoint is for; what is not said means ready", () => {
  const use = (conditions: object | null | undefined) =>
    readEndpointSlice({ metadata, endpoints: [{ addresses: ["10.0.0.1"], conditions }] }).endpoints[0]?.use;
  assert.equal(use(undefined), "ready");
  assert.equal(use(null), "ready");
  assert.equal(use({}), "ready");
  assert.equal(use({ ready: null, serving: null }), "ready");
  assert.equal(use({ ready: true }), "ready");
  assert.equal(use({ ready: false }), "none");
  assert.equal(use({ ready: false, serving: true, terminating: true }), "leaving");
  assert.equal(use({ ready: false, serving: false, terminating: true }), "none");
  assert.equal(use({ ready: false, terminating: true }), "none");
  // A Service with publishNotReadyAddresses says this.
  assert.equal(use({ ready: true, serving: false, terminating: true }), "ready");
});

test("lists that are null are empty, and endpoints without an address are none", () => {
  const slice = readEndpointSlice({ metadata, ports: null, endpoints: null });
  assert.deepEqual([slice.ports, slice.endpoints, slice.addressType], [[], [], "IPv4"]);
  assert.deepEqual(readEndpointSlice({ metadata, endpoints: [{ addresses: [] }, {}, null] }).endpoints, []);
});

test("whatever comes is a slice or an error that says so", () => {
  assert.throws(() => readEndpointSlice({ metadata: { name: "x" } }), /without name and namespace/);
  fc.assert(
    fc.property(fc.anything(), fc.anything(), fc.anything(), (labels, ports, endpoints) => {
      const slice = readEndpointSlice({ metadata: { ...metadata, labels }, ports, endpoints });
      assert.ok(slice.endpoints.every(({ addresses }) => addresses.length > 0));
    }),
  );
});
