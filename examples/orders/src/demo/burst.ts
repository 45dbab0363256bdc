/** A burst of orders: a fixed number in flight, each with an id of its own, each outcome counted. */
import { type CallRecord, type Client, recordOf } from "heddle";
import type { OrderService } from "../gen/shop/v1/order_pb.ts";
import { refusalOf } from "../refusal.ts";

export interface BurstResult {
  /** Ids of the orders that the customer was told are placed. */
  readonly placed: ReadonlySet<string>;
  readonly declined: number;
  readonly outOfStock: number;
  readonly failed: readonly FailedOrder[];
  /** Of PlaceOrder as the customer sees it, in ms, ascending. */
  readonly latencies: readonly number[];
  readonly elapsedMs: number;
}

export interface FailedOrder {
  readonly id: string;
  readonly error: unknown;
  readonly record: CallRecord | undefined;
}

/** Disposing it sends no more orders; those in flight go on. */
export interface Burst extends Disposable {
  /** Orders that have been answered. */
  readonly answered: number;
  readonly failed: number;
  /** Since the first order, in ms. */
  readonly elapsedMs: number;
  /** Resolves when so many have been answered. */
  reaches(orders: number): Promise<void>;
  /** Goes on until so many have been sent in all; resolves when all are answered. */
  stopAfter(orders: number): Promise<BurstResult>;
}

export function startBurst(client: Client<typeof OrderService>, inFlight: number): Burst {
  const startedAt = performance.now();
  const placed = new Set<string>();
  const failed: FailedOrder[] = [];
  const latencies: number[] = [];
  const refused = { "shop.v1.PaymentDeclined": 0, "shop.v1.OutOfStock": 0 };
  let sent = 0;
  let limit = Number.POSITIVE_INFINITY;
  let milestone = { orders: Number.POSITIVE_INFINITY, reached: () => {} };

  async function placeOne(number: number): Promise<void> {
    const order = orderNumber(number);
    const from = performance.now();
    try {
      await client.placeOrder(order);
      placed.add(order.orderId);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) failed.push({ id: order.orderId, error, record: recordOf(error) });
      else refused[refusal.$typeName]++;
    }
    latencies.push(performance.now() - from);
    if (latencies.length >= milestone.orders) milestone.reached();
  }

  async function customer(): Promise<void> {
    while (sent < limit) await placeOne(sent++);
  }

  const done = Promise.all(Array.from({ length: inFlight }, customer));
  return {
    get answered() {
      return latencies.length;
    },
    get failed() {
      return failed.length;
    },
    get elapsedMs() {
      return performance.now() - startedAt;
    },
    reaches: (orders) =>
      new Promise((resolve) => {
        if (latencies.length >= orders) resolve();
        else milestone = { orders, reached: resolve };
      }),
    [Symbol.dispose]() {
      limit = 0;
    },
    async stopAfter(orders) {
      limit = orders;
      await done;
      const elapsedMs = performance.now() - startedAt;
      latencies.sort((a, b) => a - b);
      return {
        placed,
        declined: refused["shop.v1.PaymentDeclined"],
        outOfStock: refused["shop.v1.OutOfStock"],
        failed,
        latencies,
        elapsedMs,
      };
    },
  };
}

/** The same orders in every run: most are for what there is plenty of, and one card in 25 has no money. */
function orderNumber(number: number) {
  return {
    orderId: `order-${String(number).padStart(6, "0")}`,
    sku: SHELF[number % SHELF.length] ?? "mug",
    quantity: 1 + (number % 3),
    card: `4000 0000 0000 ${number % 25 === 24 ? "0002" : "4242"}`,
  };
}

const SHELF = ["mug", "notebook", "mug", "notebook", "mug", "notebook", "mug", "poster", "notebook", "lamp"];
