/**
 * A store of answers in Redis or what speaks like it (Valkey, KeyDB, Dragonfly): for a service on several machines. A
 * key is a hash that Redis forgets by itself; each call is one script, which Redis runs as a whole.
 *
 * The connection is the application's: any client that sends a command and gives its answer will do, so that no
 * driver is ours to choose or to keep up to date.
 */
import type { IdempotencyStore } from "./idempotency-store.ts";

export interface RedisIdempotencyStoreOptions {
  /**
   * Sends one command. With `redis` (node-redis): `(args) => client.sendCommand([...args])`; with `ioredis`:
   * `([name, ...args]) => client.call(name, ...args)`.
   */
  readonly send: (args: readonly string[]) => Promise<unknown>;
  /** Stands before every key. Default `heddle:once:`. */
  readonly prefix?: string;
}

/** The client is not closed with the store. */
export function createRedisIdempotencyStore({
  send,
  prefix = "heddle:once:",
}: RedisIdempotencyStoreOptions): IdempotencyStore {
  const run = (script: string, key: string, ...args: string[]) =>
    send(["EVAL", script, "1", `${prefix}${key}`, ...args]);

  return {
    async claim(key, { owner, fingerprint, leaseMs }) {
      const found = (await run(
        CLAIM,
        key,
        owner,
        fingerprint,
        String(Math.ceil(leaseMs)),
      )) as readonly unknown[];
      if (found.length === 0) return { state: "yours" };
      const [there, answer] = found.map(String) as [string, string?];
      return answer === undefined
        ? { state: "running", fingerprint: there }
        : { state: "done", fingerprint: there, answer };
    },
    finish: async (key, owner, answer, ttlMs) =>
      Number(await run(FINISH, key, owner, answer, String(Math.ceil(ttlMs)))) === 1,
    async release(key, owner) {
      await run(RELEASE, key, owner);
    },
    async [Symbol.asyncDispose]() {},
  };
}

const CLAIM = `local f = redis.call('HMGET', KEYS[1], 'owner', 'fingerprint', 'answer')
if f[3] then return {f[2], f[3]} end
if f[1] and f[1] ~= ARGV[1] then return {f[2]} end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'fingerprint', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {}`;

const IS_RUN_BY = `local f = redis.call('HMGET', KEYS[1], 'owner', 'answer')
if f[1] ~= ARGV[1] or f[2] then return 0 end
`;

const FINISH = `${IS_RUN_BY}redis.call('HSET', KEYS[1], 'answer', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`;

const RELEASE = `${IS_RUN_BY}return redis.call('DEL', KEYS[1])`;
