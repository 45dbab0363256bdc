/**
 * Protobuf to and from bytes for the peers that bring no codec of their own choice (grpc-js and the
 * two hand-written ones). They all use protobuf-es, as Connect does, so that a difference between
 * peers is a difference between transports.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  OrderService,
  type PlaceOrderRequest,
  PlaceOrderRequestSchema,
  type PlaceOrderResponse,
  PlaceOrderResponseSchema,
} from "../gen/bench/v1/orders_pb.ts";
import { placeOrder } from "./order.ts";

/** The gRPC path of the one method. */
export const placeOrderPath = `/${OrderService.typeName}/${OrderService.method.placeOrder.name}`;

export function encodeRequest(request: PlaceOrderRequest): Uint8Array {
  return toBinary(PlaceOrderRequestSchema, request);
}

export function decodeRequest(bytes: Uint8Array): PlaceOrderRequest {
  return fromBinary(PlaceOrderRequestSchema, bytes);
}

export function encodeResponse(response: PlaceOrderResponse): Uint8Array {
  return toBinary(PlaceOrderResponseSchema, response);
}

export function decodeResponse(bytes: Uint8Array): PlaceOrderResponse {
  return fromBinary(PlaceOrderResponseSchema, bytes);
}

/** Runs the handler and gives its answer as a message. */
export function answerOrder(request: PlaceOrderRequest): PlaceOrderResponse {
  return create(PlaceOrderResponseSchema, placeOrder(request));
}
