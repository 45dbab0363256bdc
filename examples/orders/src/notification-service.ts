/** Notification. Keeps what it sent; an order that was told is not told again. */
import { implement, type Implementation } from "heddle";
import { type Database, openDatabase } from "./database.ts";
import { NotificationService } from "./gen/shop/v1/notification_pb.ts";

interface NotificationRow {
  readonly order_id: string;
  readonly text: string;
}

export function openNotifications(folder?: string): Database {
  return openDatabase("notification", SCHEMA, folder);
}

export function notificationService({ sql }: Database): Implementation {
  const keep = sql.prepare("INSERT INTO notification VALUES (?, ?) ON CONFLICT DO NOTHING");
  const all = sql.prepare("SELECT * FROM notification ORDER BY order_id");

  return implement(NotificationService, {
    notify: ({ orderId, text }) => {
      keep.run(orderId, text);
      return {};
    },

    async *listNotifications() {
      for (const row of all.all() as unknown as NotificationRow[]) {
        yield { orderId: row.order_id, text: row.text };
      }
    },
  });
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notification (
    order_id TEXT PRIMARY KEY,
    text TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
