/**
 * A SQLite file that all instances of one service on this machine share. It stands for the database that a
 * service has in production; what the services rely on is the same: transactions and unique keys.
 *
 * A killed process loses nothing that it had committed. (Against loss of power, set `synchronous = FULL`.)
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface Database extends Disposable {
  readonly sql: DatabaseSync;
  /** Runs `body` alone among all instances; what it throws undoes what it did. */
  transaction<T>(body: () => T): T;
}

/** `name` is the file in the folder `SHOP_DATA`; `schema` is SQL that may run any number of times. */
export function openDatabase(
  name: string,
  schema: string,
  folder = process.env["SHOP_DATA"] ?? ".",
): Database {
  const sql = new DatabaseSync(join(folder, `${name}.db`), { timeout: 5000 });
  const transaction = <T>(body: () => T): T => {
    sql.exec("BEGIN IMMEDIATE");
    try {
      const result = body();
      sql.exec("COMMIT");
      return result;
    } catch (error) {
      if (sql.isTransaction) sql.exec("ROLLBACK");
      throw error;
    }
  };
  sql.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  transaction(() => sql.exec(schema));
  return { sql, transaction, [Symbol.dispose]: () => sql.close() };
}
