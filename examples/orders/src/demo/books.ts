/**
 * The books: what four services wrote down apart from each other, and what the customer was told, must tell the same
 * story about every order.
 */
import type { Mesh } from "heddle";
import { InventoryService, ReservationState } from "../gen/shop/v1/inventory_pb.ts";
import { NotificationService } from "../gen/shop/v1/notification_pb.ts";
import { OrderService, OrderState } from "../gen/shop/v1/order_pb.ts";
import { PaymentService } from "../gen/shop/v1/payment_pb.ts";
import { count, dollars } from "./format.ts";

export interface BooksCheck {
  readonly what: string;
  readonly text: string;
  /** What does not agree, a sentence each; empty when it balances. */
  readonly differences: readonly string[];
}

/** `told`: ids of the orders that the customer believes are placed. */
export async function checkBooks(mesh: Mesh, told: ReadonlySet<string>): Promise<BooksCheck[]> {
  const inventory = mesh.client(InventoryService);
  const orders = await collect(mesh.client(OrderService).exportOrders({}), ({ order }) => order);
  const reservations = await collect(inventory.listReservations({}), (reservation) => reservation);
  const charges = await collect(mesh.client(PaymentService).listCharges({}), (charge) => charge);
  const notifications = await collect(mesh.client(NotificationService).listNotifications({}), (sent) => sent);
  const { levels } = await inventory.getStock({});

  const placed = orders.filter(({ state }) => state === OrderState.PLACED);
  const unfinished = orders.filter(({ state }) => state === OrderState.PENDING);
  const held = reservations.filter(({ state }) => state === ReservationState.HELD);
  const sold = reservations.filter(({ state }) => state === ReservationState.CONFIRMED);
  const paid = charges.filter(({ declinedReason }) => declinedReason === "");
  const unitsPlaced = sum(placed.map(({ quantity }) => quantity));
  const unitsGone = sum(levels.map(({ initial, available }) => initial - available));
  const total = placed.reduce((cents, order) => cents + order.totalCents, 0n);
  const charged = paid.reduce((cents, charge) => cents + charge.amountCents, 0n);

  return [
    {
      what: "orders",
      text: `${count(placed.length)} placed, and the customer was told of ${count(told.size)}`,
      differences: [
        ...compare(
          "order",
          new Map([...told].map((id) => [id, "placed"])),
          new Map(placed.map(({ id }) => [id, "placed"])),
        ),
        ...unfinished.map(({ id }) => `order ${id} is not finished`),
      ],
    },
    {
      what: "stock",
      text: `${count(unitsGone)} pieces gone = ${count(unitsPlaced)} in placed orders`,
      differences: [
        ...levels.flatMap(({ sku, initial, available }) => {
          const ordered = sum(placed.filter((order) => order.sku === sku).map(({ quantity }) => quantity));
          return initial - available === ordered
            ? []
            : [`${initial - available} ${sku} gone, ${ordered} ordered`];
        }),
        ...compare(
          "reservation of",
          new Map(placed.map(({ id, sku, quantity }) => [id, `${quantity} ${sku}`])),
          new Map(sold.map(({ orderId, sku, quantity }) => [orderId, `${quantity} ${sku}`])),
        ),
        ...held.map(({ orderId }) => `stock is still held for ${orderId}`),
      ],
    },
    {
      what: "charges",
      text: `${dollars(charged)} charged = ${dollars(total)} in placed orders`,
      differences: compare(
        "charge of",
        new Map(placed.map(({ id, totalCents }) => [id, dollars(totalCents)])),
        new Map(paid.map(({ orderId, amountCents }) => [orderId, dollars(amountCents)])),
      ),
    },
    {
      what: "notifications",
      text: `${count(notifications.length)} sent = ${count(placed.length)} placed orders`,
      differences: compare(
        "notification of",
        new Map(placed.map(({ id }) => [id, "sent"])),
        new Map(notifications.map(({ orderId }) => [orderId, "sent"])),
      ),
    },
  ];
}

function compare(
  what: string,
  wanted: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): string[] {
  const ids = new Set([...wanted.keys(), ...found.keys()]);
  return [...ids]
    .filter((id) => wanted.get(id) !== found.get(id))
    .map((id) => `${what} ${id}: ${found.get(id) ?? "none"}, expected ${wanted.get(id) ?? "none"}`);
}

async function collect<T, U>(stream: AsyncIterable<T>, take: (item: T) => U | undefined): Promise<U[]> {
  const items: U[] = [];
  for await (const item of stream) {
    const taken = take(item);
    if (taken !== undefined) items.push(taken);
  }
  return items;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
