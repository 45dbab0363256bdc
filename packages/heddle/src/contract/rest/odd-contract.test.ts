/** A contract with a field of every form that JSON and a query have, and a binding of every kind, for requests that are wrong. */
import { contractOf } from "./contract-of.test.ts";

export const oddContract = contractOf({
  package: "odd.v1",
  enums: { State: { STATE_UNSPECIFIED: 0, OPEN: 1 } },
  messages: {
    Order: {
      order_id: "string",
      total: "int64",
      count: "int32",
      size: "uint64",
      ratio: "float",
      exact: "double",
      on: "bool",
      note: "bytes",
      state: "State",
      tags: "repeated string",
      counts: "repeated int32",
      labels: "map string string",
      sizes: "map int32 string",
      at: "google.protobuf.Timestamp",
      wait: "google.protobuf.Duration",
      mask: "google.protobuf.FieldMask",
      any: "google.protobuf.Any",
      extra: "google.protobuf.Struct",
      value: "google.protobuf.Value",
      wrapped: "google.protobuf.UInt32Value",
      child: "Order",
      children: "repeated Order",
      a: "oneof one string",
      b: "oneof one Order",
    },
  },
  services: {
    Orders: {
      Create: {
        in: "Order",
        out: "Order",
        http: { pattern: { case: "post", value: "/v1/orders" }, body: "*" },
      },
      Put: {
        in: "Order",
        out: "Order",
        http: { pattern: { case: "put", value: "/v1/orders/{order_id}" }, body: "child" },
      },
      Get: { in: "Order", out: "Order", http: { pattern: { case: "get", value: "/v1/orders/{order_id}" } } },
      File: {
        in: "Order",
        out: "Order",
        http: { pattern: { case: "get", value: "/v1/{order_id=files/**}" } },
      },
    },
  },
});
