/**
 * The orders that travel and the handler that answers them: the same for every peer.
 *
 * Orders are built before the clock starts, so that what is measured is the call and not the making
 * of its input. Each slot of the load owns a few orders with ids of their own: an answer that belongs
 * to another call is noticed at once.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  OrderStatus,
  type PlaceOrderRequest,
  PlaceOrderRequestSchema,
  type PlaceOrderResponseSchema,
} from "../gen/bench/v1/orders_pb.ts";

/** Orders per slot; a power of two, so that a slot walks round its orders with a mask. */
export const ordersPerSlot = 8;

export function createOrders(slot: number): PlaceOrderRequest[] {
  return Array.from({ length: ordersPerSlot }, (_, turn) => createOrder(slot * ordersPerSlot + turn));
}

/** One order; about 90 bytes of Protobuf whatever the number is (below one hundred million). */
export function createOrder(number: number): PlaceOrderRequest {
  return create(PlaceOrderRequestSchema, {
    orderId: `order-2025-${String(number).padStart(8, "0")}`,
    customerId: "customer-000417",
    lines: [
      { sku: "SKU-LOOM-0001", quantity: 2, unitPriceCents: 124_900 },
      { sku: "SKU-YARN-0042", quantity: 7, unitPriceCents: 1_295 },
    ],
    currency: "EUR",
  });
}

/** The business of the benchmark: price the order and write the receipt, as an application would. */
export function placeOrder(order: OrderFields): MessageInitShape<typeof PlaceOrderResponseSchema> {
  let totalCents = 0;
  const lines = [];
  for (const line of order.lines) {
    totalCents += line.quantity * line.unitPriceCents;
    lines.push({ sku: line.sku, reserved: line.quantity });
  }
  return {
    orderId: order.orderId,
    status: OrderStatus.ACCEPTED,
    totalCents,
    currency: order.currency,
    lines,
    paymentId: "payment-7c1f09",
  };
}

/** What `placeOrder` reads: a Protobuf message and a parsed JSON body both have it. */
export interface OrderFields {
  readonly orderId: string;
  readonly customerId: string;
  readonly currency: string;
  readonly lines: readonly {
    readonly sku: string;
    readonly quantity: number;
    readonly unitPriceCents: number;
  }[];
}
