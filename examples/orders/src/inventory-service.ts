/**
 * Inventory. What an order was told first is written down under the order's id in the same transaction that
 * moves the stock, so a call that is tried again, here or on another instance, changes nothing and hears the
 * same answer.
 */
import { Code, ConnectError, errorsOf, implement, type Implementation } from "heddle";
import { type Database, openDatabase } from "./database.ts";
import { InventoryService, OutOfStockSchema, ReservationState } from "./gen/shop/v1/inventory_pb.ts";

interface StockRow {
  readonly sku: string;
  readonly price: number;
  readonly initial: number;
  readonly available: number;
}

interface ReservationRow {
  readonly order_id: string;
  readonly sku: string;
  readonly quantity: number;
  readonly state: ReservationState;
  /** What was there when it was asked for. */
  readonly found: number;
}

export function openInventory(folder?: string): Database {
  return openDatabase("inventory", SCHEMA, folder);
}

export function inventoryService({ sql, transaction }: Database): Implementation {
  const stockOf = sql.prepare("SELECT * FROM stock WHERE sku = ?");
  const allStock = sql.prepare("SELECT * FROM stock ORDER BY sku");
  const move = sql.prepare("UPDATE stock SET available = available + ? WHERE sku = ?");
  const reservationOf = sql.prepare("SELECT * FROM reservation WHERE order_id = ?");
  const allReservations = sql.prepare("SELECT * FROM reservation ORDER BY order_id");
  const keep = sql.prepare("INSERT INTO reservation VALUES (?, ?, ?, ?, ?)");
  const become = sql.prepare("UPDATE reservation SET state = ? WHERE order_id = ?");

  /** Ends what is held for an order. Doing it twice is doing it once. */
  function settle(orderId: string, state: ReservationState): void {
    const row = reservationOf.get(orderId) as ReservationRow | undefined;
    if (row?.state === state) return;
    if (row?.state !== ReservationState.HELD) {
      throw new ConnectError(`nothing is held for order ${orderId}`, Code.FailedPrecondition);
    }
    become.run(state, orderId);
    if (state === ReservationState.RELEASED) move.run(row.quantity, row.sku);
  }

  return implement(InventoryService, {
    reserve: ({ orderId, sku, quantity }) => {
      if (quantity < 1) throw new ConnectError("quantity must be 1 or more", Code.InvalidArgument);
      const { stock, row } = transaction(() => {
        const stock = stockOf.get(sku) as StockRow | undefined;
        if (stock === undefined) throw new ConnectError(`there is no "${sku}" in this shop`, Code.NotFound);
        const known = reservationOf.get(orderId) as ReservationRow | undefined;
        if (known !== undefined) return { stock, row: known };
        const enough = stock.available >= quantity;
        const state = enough ? ReservationState.HELD : ReservationState.REFUSED;
        keep.run(orderId, sku, quantity, state, stock.available);
        if (enough) move.run(-quantity, sku);
        return { stock, row: { sku, quantity, state, found: stock.available } };
      });
      if (row.sku !== sku || row.quantity !== quantity) {
        throw new ConnectError(
          `order ${orderId} reserved ${row.quantity} ${row.sku} before`,
          Code.AlreadyExists,
        );
      }
      if (row.state === ReservationState.REFUSED) throw outOfStock(sku, quantity, row.found);
      return { unitPriceCents: BigInt(stock.price) };
    },

    confirm: ({ orderId }) => {
      transaction(() => settle(orderId, ReservationState.CONFIRMED));
      return {};
    },

    release: ({ orderId }) => {
      transaction(() => settle(orderId, ReservationState.RELEASED));
      return {};
    },

    getStock: () => ({
      levels: (allStock.all() as unknown as StockRow[]).map(({ price, ...level }) => ({
        ...level,
        unitPriceCents: BigInt(price),
      })),
    }),

    async *listReservations() {
      for (const row of allReservations.all() as unknown as ReservationRow[]) {
        yield { orderId: row.order_id, sku: row.sku, quantity: row.quantity, state: row.state };
      }
    },
  });
}

const reserveErrors = errorsOf(InventoryService.method.reserve, [OutOfStockSchema]);

function outOfStock(sku: string, requested: number, available: number): ConnectError {
  const message = `${requested} ${sku} wanted, ${available} left`;
  return reserveErrors.create(OutOfStockSchema, { sku, requested, available }, { message });
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS stock (
    sku TEXT PRIMARY KEY,
    price INTEGER NOT NULL,
    initial INTEGER NOT NULL,
    available INTEGER NOT NULL CHECK (available >= 0)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS reservation (
    order_id TEXT PRIMARY KEY,
    sku TEXT NOT NULL REFERENCES stock,
    quantity INTEGER NOT NULL,
    state INTEGER NOT NULL,
    found INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT OR IGNORE INTO stock VALUES
    ('mug', 1250, 100000, 100000),
    ('notebook', 799, 100000, 100000),
    ('poster', 1999, 500, 500),
    ('lamp', 5990, 250, 250);
`;
