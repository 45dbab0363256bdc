/**
 * A control plane's store in one file, `registry.sqlite`, by the SQLite that comes with Node: for one control plane on
 * one machine. Changes are one transaction each call, in write-ahead mode, so that a process that is killed at any moment
 * finds the file as it was after the last whole one.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { HeddleError, reasonText } from "../../call/errors.ts";
import type { PlaneStore, StoredEntry, StoredKind } from "./plane-store.ts";

/** Opens or makes the store in a folder, which is made when it is not there. Throws the catalogue's `storeFailed`. */
export async function openSqliteStore(folder: string): Promise<PlaneStore> {
  const path = join(folder, "registry.sqlite");
  // Loaded here, so that a control plane without a store doesn't.
  const { DatabaseSync: Database } = await import("node:sqlite");
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    database = new Database(path, { timeout: LOCK_TIMEOUT_MS });
    prepareTables(database);
    return createStore(database, path);
  } catch (cause) {
    database?.close();
    throw storeFailed(path, cause);
  }
}

/** How long another process may hold the file before it counts as in use. */
const LOCK_TIMEOUT_MS = 200;
/** Of the tables; a file with a higher one was written by a newer version. */
const FORMAT = 1;

function prepareTables(database: DatabaseSync): void {
  // Exclusive: two control planes on one file would each overwrite what the other knows.
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  const { user_version: format } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (format > FORMAT) throw new Error(`its format is ${format}, and this version knows ${FORMAT}`);
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS entries (
      kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = ${FORMAT};
    COMMIT`);
}

function createStore(database: DatabaseSync, path: string): PlaneStore {
  const put = database.prepare("INSERT OR REPLACE INTO entries (kind, key, value) VALUES (?, ?, ?)");
  const remove = database.prepare("DELETE FROM entries WHERE kind = ? AND key = ?");
  const all = database.prepare("SELECT kind, key, value FROM entries");
  return {
    async load() {
      try {
        return (all.all() as unknown as StoredEntry[]).filter(({ kind }) => KINDS.has(kind));
      } catch (cause) {
        throw storeFailed(path, cause);
      }
    },
    async write(changes) {
      try {
        database.exec("BEGIN IMMEDIATE");
        for (const { kind, key, value } of changes) {
          if (value === undefined) remove.run(kind, key);
          else put.run(kind, key, value);
        }
        database.exec("COMMIT");
      } catch (cause) {
        if (database.isTransaction) database.exec("ROLLBACK");
        throw storeFailed(path, cause);
      }
    },
    async [Symbol.asyncDispose]() {
      if (database.isOpen) database.close();
    },
  };
}

const KINDS: ReadonlySet<string> = new Set<StoredKind>([
  "static",
  "service",
  "config",
  "drain",
  "instance",
  "usage",
  "contract",
]);

function storeFailed(path: string, cause: unknown): HeddleError {
  const reason = cause instanceof Error ? cause.message : reasonText(cause);
  return new HeddleError("storeFailed", { store: path, reason }, { cause });
}
