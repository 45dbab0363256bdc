/**
 * Orders. Placing one takes four steps in three other services, and this process may die between any two of them.
 * No log of the steps is needed to go on elsewhere: each service remembers by the order's id what it
 * answered, so whoever gets the request again runs the same steps from the top, and those done before change nothing.
 */
import { type Client, Code, ConnectError, implement, type Implementation } from "heddle";
import { type Database, openDatabase } from "./database.ts";
import type { InventoryService } from "./gen/shop/v1/inventory_pb.ts";
import type { NotificationService } from "./gen/shop/v1/notification_pb.ts";
import { OrderService, OrderState, type PlaceOrderRequest } from "./gen/shop/v1/order_pb.ts";
import type { PaymentService } from "./gen/shop/v1/payment_pb.ts";
import { refusalOf } from "./refusal.ts";

export interface OrderDependencies {
  readonly database: Database;
  readonly inventory: Client<typeof InventoryService>;
  readonly payments: Client<typeof PaymentService>;
  readonly notifications: Client<typeof NotificationService>;
}

export function openOrders(folder?: string): Database {
  return openDatabase("order", SCHEMA, folder);
}

export function orderService({
  database,
  inventory,
  payments,
  notifications,
}: OrderDependencies): Implementation {
  const orders = openTable(database);

  /** Runs the steps. A step that was done before gives its old answer. */
  async function place({ orderId, sku, quantity, card }: PlaceOrderRequest): Promise<bigint> {
    const { unitPriceCents } = await inventory.reserve({ orderId, sku, quantity });
    const totalCents = unitPriceCents * BigInt(quantity);
    try {
      await payments.charge({ orderId, amountCents: totalCents, card });
    } catch (error) {
      if (refusalOf(error) !== undefined) await inventory.release({ orderId });
      throw error;
    }
    await inventory.confirm({ orderId });
    await notifications.notify({ orderId, text: `Thank you! ${quantity} ${sku} will be with you soon.` });
    return totalCents;
  }

  return implement(OrderService, {
    async placeOrder(request) {
      orders.begin(request);
      try {
        const totalCents = await place(request);
        return { order: orders.finish(request.orderId, OrderState.PLACED, totalCents) };
      } catch (error) {
        switch (refusalOf(error)?.$typeName) {
          case "shop.v1.OutOfStock":
            orders.finish(request.orderId, OrderState.OUT_OF_STOCK);
            break;
          case "shop.v1.PaymentDeclined":
            orders.finish(request.orderId, OrderState.DECLINED);
            break;
          // It may have got anywhere: whoever sends the request again goes on.
          case undefined:
        }
        throw error;
      }
    },

    getOrder: ({ orderId }) => {
      const order = orders.get(orderId);
      if (order === undefined) throw noOrder(orderId);
      return { order };
    },

    updateOrder: ({ orderId, note, etag }) => {
      const order = orders.note(orderId, note, etag);
      if (order !== undefined) return { order };
      if (orders.get(orderId) === undefined) throw noOrder(orderId);
      throw new ConnectError(`order ${orderId} has changed`, Code.Aborted);
    },

    listOrders: ({ pageSize, pageToken, state }) => {
      const size = pageSize || DEFAULT_PAGE_SIZE;
      // One more than is wanted tells whether there are more.
      const found = orders.after(pageToken, state, size + 1);
      const page = found.slice(0, size);
      const nextPageToken = found.length > size ? page.at(-1)?.id : undefined;
      return { orders: page, ...(nextPageToken === undefined ? {} : { nextPageToken }) };
    },

    async *exportOrders() {
      for (const order of orders.all()) yield { order };
    },
  });
}

const DEFAULT_PAGE_SIZE = 50;

function noOrder(id: string): ConnectError {
  return new ConnectError(`there is no order ${id}`, Code.NotFound);
}

interface OrderRow {
  readonly id: string;
  readonly sku: string;
  readonly quantity: number;
  readonly card: string;
  readonly total: number;
  readonly state: OrderState;
  readonly note: string;
  /** Of how many changes this is the last. */
  readonly revision: number;
}

function openTable({ sql }: Database) {
  const insert = sql.prepare("INSERT INTO orders VALUES (?, ?, ?, ?, 0, ?, ?, 1) ON CONFLICT DO NOTHING");
  const finish = sql.prepare(
    `UPDATE orders SET revision = revision + (state <> :state), state = :state, total = :total
     WHERE id = :id RETURNING *`,
  );
  const setNote = sql.prepare(
    `UPDATE orders SET revision = revision + (note <> :note), note = :note
     WHERE id = :id AND :etag IN ('', CAST(revision AS TEXT)) RETURNING *`,
  );
  const select = sql.prepare("SELECT * FROM orders WHERE id = ?");
  const selectAll = sql.prepare("SELECT * FROM orders ORDER BY id");
  const selectAfter = sql.prepare(
    "SELECT * FROM orders WHERE id > :id AND :state IN (0, state) ORDER BY id LIMIT :count",
  );
  return {
    /** Writes the order down, or finds it written down; refuses an id that stands for another order. */
    begin({ orderId, sku, quantity, card, note }: PlaceOrderRequest) {
      insert.run(orderId, sku, quantity, card, OrderState.PENDING, note);
      const row = select.get(orderId) as unknown as OrderRow;
      if (row.sku !== sku || row.quantity !== quantity || row.card !== card) {
        throw new ConnectError(`order id ${orderId} stands for another order`, Code.AlreadyExists);
      }
    },
    finish: (id: string, state: OrderState, total = 0n) =>
      toOrder(finish.get({ id, state, total }) as unknown as OrderRow),
    get: (id: string) => orNone(select.get(id)),
    /** An order that has another tag is left alone. */
    note: (id: string, note: string, etag: string) => orNone(setNote.get({ id, note, etag })),
    /** So many of those behind an id; 0 is any state. */
    after: (id: string, state: OrderState, count: number) =>
      (selectAfter.all({ id, state, count }) as unknown as OrderRow[]).map(toOrder),
    all: () => (selectAll.all() as unknown as OrderRow[]).map(toOrder),
  };
}

function orNone(row: unknown) {
  return row === undefined ? undefined : toOrder(row as OrderRow);
}

function toOrder({ id, sku, quantity, total, state, note, revision }: OrderRow) {
  return { id, sku, quantity, totalCents: BigInt(total), state, note, etag: String(revision) };
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    card TEXT NOT NULL,
    total INTEGER NOT NULL,
    state INTEGER NOT NULL,
    note TEXT NOT NULL,
    revision INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
