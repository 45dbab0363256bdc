/** The contract of a shop as its services are built with it: descriptors from an image, as a program without generated code has them. */
import { createFileRegistry, type DescService, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { readFileSync } from "node:fs";

export const SHOP_PROTO = `syntax = "proto3";

package shop.v1;

service OrderService {
  rpc GetOrder(GetOrderRequest) returns (Order);
  rpc CancelOrder(CancelOrderRequest) returns (CancelOrderResponse);
  rpc ArchiveOrder(ArchiveOrderRequest) returns (ArchiveOrderResponse);
}

message Order {
  string id = 1;
  string legacy_code = 2;
  string note = 3;
  Customer customer = 4;
}

message Customer {
  string name = 1;
  string fax = 2;
}

message GetOrderRequest {
  string id = 1;
  string shop = 2;
}

message CancelOrderRequest {
  string id = 1;
}

message CancelOrderResponse {}

message ArchiveOrderRequest {
  string id = 1;
}

message ArchiveOrderResponse {}
`;

/** Of the image that is named in the environment. */
export function orderService(): DescService {
  const image = readFileSync(process.env["SHOP_IMAGE"] ?? "");
  const service = createFileRegistry(fromBinary(FileDescriptorSetSchema, image)).getService(
    "shop.v1.OrderService",
  );
  if (service === undefined) throw new Error("the image has no OrderService");
  return service;
}
