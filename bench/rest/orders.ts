/**
 * What travels in the REST suite, as every peer has it: an order as JSON, and the handlers' business. Bodies are built before
 * the clock starts; each slot of the load has ids of its own.
 */
import type { OrderFields } from "../rpc/order.ts";

/** Orders per slot. */
const ordersPerSlot = 8;

export interface RestOrder {
  readonly orderId: string;
  readonly body: string;
}

export function createOrders(slot: number): RestOrder[] {
  return Array.from({ length: ordersPerSlot }, (_, turn) => createOrder(slot * ordersPerSlot + turn));
}

/** About 240 bytes of JSON. */
function createOrder(number: number): RestOrder {
  const order: OrderFields = {
    orderId: `order-2025-${String(number).padStart(8, "0")}`,
    customerId: "customer-000417",
    lines: [
      { sku: "SKU-LOOM-0001", quantity: 2, unitPriceCents: 124_900 },
      { sku: "SKU-YARN-0042", quantity: 7, unitPriceCents: 1_295 },
    ],
    currency: "EUR",
  };
  return { orderId: order.orderId, body: JSON.stringify(order) };
}

/** What `GET` answers: an order that stands in memory. */
export function findOrder(orderId: string) {
  return {
    orderId,
    totalCents: 258_865,
    currency: "EUR",
    lines: [
      { sku: "SKU-LOOM-0001", reserved: 2 },
      { sku: "SKU-YARN-0042", reserved: 7 },
    ],
    paymentId: "payment-7c1f09",
  };
}

export const accepted = "ORDER_STATUS_ACCEPTED";

const text = { type: "string" };
const whole = { type: "integer", minimum: 0, maximum: 0xffff_ffff };

/** JSON schemas of the same contract, as strict as Heddle: nothing unknown, and every type held to. */
export const orderSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    orderId: text,
    customerId: text,
    lines: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        properties: { sku: text, quantity: whole, unitPriceCents: whole },
      },
    },
    currency: text,
  },
};

export const receiptSchema = {
  type: "object",
  properties: {
    orderId: text,
    status: text,
    totalCents: whole,
    currency: text,
    lines: { type: "array", items: { type: "object", properties: { sku: text, reserved: whole } } },
    paymentId: text,
  },
};
