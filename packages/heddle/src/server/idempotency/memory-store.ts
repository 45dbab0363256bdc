/**
 * A store of answers in the memory of one process. For a service with a single instance, and for tests: another
 * instance knows nothing of it, nor does the next process.
 */
import { finiteAtLeast } from "../../call/check-option.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import type { IdempotencyStore } from "./idempotency-store.ts";

export interface MemoryIdempotencyStoreOptions {
  /** Keys that are kept at most; beyond that the oldest answers go first. Default 10 000. */
  readonly maxKeys?: number;
  /** Characters of answers that are kept at most. Default 64 Mi. */
  readonly maxCharacters?: number;
  readonly clock?: Clock;
}

interface Entry {
  readonly owner: string;
  readonly fingerprint: string;
  readonly answer: string | undefined;
  readonly untilMs: number;
}

export function createMemoryIdempotencyStore(options: MemoryIdempotencyStoreOptions = {}): IdempotencyStore {
  const { clock = systemClock } = options;
  const maxKeys = finiteAtLeast("maxKeys", options.maxKeys ?? 10_000, 1);
  const maxCharacters = finiteAtLeast("maxCharacters", options.maxCharacters ?? 64 * 1024 * 1024, 1);
  /** In the order in which they were last written. */
  const entries = new Map<string, Entry>();
  let characters = 0;

  function set(key: string, entry: Entry): void {
    remove(key);
    entries.set(key, entry);
    characters += entry.answer?.length ?? 0;
    for (const [other, { answer }] of entries) {
      if (entries.size <= maxKeys && characters <= maxCharacters) return;
      // A call that runs keeps its key: to forget it would be to run it twice.
      if (answer !== undefined) remove(other);
    }
  }

  function remove(key: string): void {
    characters -= entries.get(key)?.answer?.length ?? 0;
    entries.delete(key);
  }

  function find(key: string): Entry | undefined {
    const entry = entries.get(key);
    if (entry === undefined || entry.untilMs > clock.now()) return entry;
    remove(key);
    return undefined;
  }

  function isRunBy(owner: string, entry: Entry): boolean {
    return entry.owner === owner && entry.answer === undefined;
  }

  return {
    async claim(key, { owner, fingerprint, leaseMs }) {
      const entry = find(key);
      if (entry === undefined || isRunBy(owner, entry)) {
        set(key, { owner, fingerprint, answer: undefined, untilMs: clock.now() + leaseMs });
        return { state: "yours" };
      }
      const { answer } = entry;
      return answer === undefined
        ? { state: "running", fingerprint: entry.fingerprint }
        : { state: "done", fingerprint: entry.fingerprint, answer };
    },
    async finish(key, owner, answer, ttlMs) {
      const entry = find(key);
      if (entry === undefined || !isRunBy(owner, entry)) return false;
      set(key, { ...entry, answer, untilMs: clock.now() + ttlMs });
      return true;
    },
    async release(key, owner) {
      const entry = find(key);
      if (entry !== undefined && isRunBy(owner, entry)) remove(key);
    },
    async [Symbol.asyncDispose]() {
      entries.clear();
      characters = 0;
    },
  };
}
