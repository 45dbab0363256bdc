/**
 * Payment. The bank of this example declines cards that end in 0002. Its answer is written down under the order's id
 * before the caller hears it, so an order is charged once, however often the call is tried.
 */
import { Code, ConnectError, errorsOf, implement, type Implementation } from "heddle";
import { type Database, openDatabase } from "./database.ts";
import { PaymentDeclinedSchema, PaymentService } from "./gen/shop/v1/payment_pb.ts";

interface ChargeRow {
  readonly order_id: string;
  readonly amount: number;
  readonly card: string;
  readonly declined_reason: string;
}

export function openPayments(folder?: string): Database {
  return openDatabase("payment", SCHEMA, folder);
}

export function paymentService({ sql }: Database): Implementation {
  const keep = sql.prepare("INSERT INTO charge VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
  const chargeOf = sql.prepare("SELECT * FROM charge WHERE order_id = ?");
  const allCharges = sql.prepare("SELECT * FROM charge ORDER BY order_id");

  return implement(PaymentService, {
    charge: ({ orderId, amountCents, card }) => {
      keep.run(orderId, amountCents, card, card.endsWith("0002") ? "insufficient funds" : "");
      const row = chargeOf.get(orderId) as unknown as ChargeRow;
      if (BigInt(row.amount) !== amountCents || row.card !== card) {
        throw new ConnectError(`order ${orderId} was charged something else before`, Code.AlreadyExists);
      }
      if (row.declined_reason !== "") throw declined(orderId, row.declined_reason);
      return {};
    },

    async *listCharges() {
      for (const row of allCharges.all() as unknown as ChargeRow[]) {
        yield {
          orderId: row.order_id,
          amountCents: BigInt(row.amount),
          declinedReason: row.declined_reason,
        };
      }
    },
  });
}

const chargeErrors = errorsOf(PaymentService.method.charge, [PaymentDeclinedSchema]);

function declined(orderId: string, reason: string): ConnectError {
  const message = `payment declined: ${reason}`;
  return chargeErrors.create(PaymentDeclinedSchema, { orderId, reason }, { message });
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS charge (
    order_id TEXT PRIMARY KEY,
    amount INTEGER NOT NULL,
    card TEXT NOT NULL,
    declined_reason TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
