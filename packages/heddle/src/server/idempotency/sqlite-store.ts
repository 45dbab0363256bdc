/**
 * A store of answers in a file, by the SQLite that comes with Node: it outlives the process, and instances on one
 * machine can share it. Each call is one statement or transaction in write-ahead mode; they wait for each other
 * within `lockTimeoutMs`. It runs in the event loop, tens of microseconds a call.
 */
import { finiteAtLeast } from "../../call/check-option.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import type { Claimed, IdempotencyStore } from "./idempotency-store.ts";

export interface SqliteIdempotencyStoreOptions {
  /** The file, which is made when it is not there. Its folder must be. */
  readonly path: string;
  /** Keys that are kept at most; beyond that the oldest answers go first. Default 1 000 000. */
  readonly maxKeys?: number;
  /** How long to wait for other processes at the file, in ms. Default 1000. */
  readonly lockTimeoutMs?: number;
  readonly clock?: Clock;
}

/** Throws what SQLite throws for a file that cannot be used. */
export async function openSqliteIdempotencyStore(
  options: SqliteIdempotencyStoreOptions,
): Promise<IdempotencyStore> {
  const { path, clock = systemClock } = options;
  const maxKeys = finiteAtLeast("maxKeys", options.maxKeys ?? 1_000_000, 1);
  const timeout = finiteAtLeast("lockTimeoutMs", options.lockTimeoutMs ?? 1000, 0);
  // Loaded here: most servers never open one.
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path, { timeout });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  database.exec(`CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT, until_ms REAL NOT NULL
  ) STRICT, WITHOUT ROWID`);
  database.exec("CREATE INDEX IF NOT EXISTS answers_by_time ON answers (until_ms)");
  const take = database.prepare(`INSERT INTO answers (key, owner, fingerprint, until_ms) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
      owner = excluded.owner, fingerprint = excluded.fingerprint, answer = NULL, until_ms = excluded.until_ms
    WHERE until_ms <= ? OR (answer IS NULL AND owner = excluded.owner)`);
  const look = database.prepare("SELECT fingerprint, answer FROM answers WHERE key = ?");
  const keep = database.prepare(
    "UPDATE answers SET answer = ?, until_ms = ? WHERE key = ? AND owner = ? AND answer IS NULL AND until_ms > ?",
  );
  const drop = database.prepare("DELETE FROM answers WHERE key = ? AND owner = ? AND answer IS NULL");
  const forget = database.prepare("DELETE FROM answers WHERE until_ms <= ?");
  const trim = database.prepare(`DELETE FROM answers WHERE key IN (
    SELECT key FROM answers WHERE answer IS NOT NULL ORDER BY until_ms
    LIMIT max(0, (SELECT count(*) FROM answers) - ?))`);
  let written = 0;

  function claim(key: string, owner: string, fingerprint: string, leaseMs: number): Claimed {
    // The wall clock: other processes, and the next one, read it too.
    const nowMs = clock.wallMs();
    // Whether it was taken over and what is there otherwise must be of one moment.
    database.exec("BEGIN IMMEDIATE");
    try {
      const { changes } = take.run(key, owner, fingerprint, nowMs + leaseMs, nowMs);
      const found = changes > 0 ? undefined : look.get(key);
      if (++written % TIDY_EVERY === 0) {
        forget.run(nowMs);
        trim.run(maxKeys);
      }
      database.exec("COMMIT");
      if (found === undefined) return { state: "yours" };
      const there = { fingerprint: found["fingerprint"] as string, answer: found["answer"] as string | null };
      return there.answer === null
        ? { state: "running", fingerprint: there.fingerprint }
        : { state: "done", fingerprint: there.fingerprint, answer: there.answer };
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }

  return {
    claim: async (key, { owner, fingerprint, leaseMs }) => claim(key, owner, fingerprint, leaseMs),
    async finish(key, owner, answer, ttlMs) {
      const nowMs = clock.wallMs();
      return keep.run(answer, nowMs + ttlMs, key, owner, nowMs).changes > 0;
    },
    async release(key, owner) {
      drop.run(key, owner);
    },
    async [Symbol.asyncDispose]() {
      if (database.isOpen) database.close();
    },
  };
}

/** Claims between two clean-ups. */
const TIDY_EVERY = 1000;
