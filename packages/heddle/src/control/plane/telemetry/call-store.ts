/**
 * The calls that processes have told, by id, the newest so many. No service may have more than a part of them, so that a
 * storm in one does not push out what the others had. Pure.
 */
import type { CallRecord } from "../../../call/record.ts";
import type { CallState } from "../../../telemetry/recent-calls.ts";

export interface StoredCall {
  readonly state: CallState;
  /** Who told it. */
  readonly service: string;
  readonly instance: string;
  readonly record: CallRecord;
}

export interface CallStoreOptions {
  /** Default 5 000, which is some 20 MB. */
  readonly maxCalls?: number;
  /** Default a fifth of them. */
  readonly maxOfService?: number;
}

export class CallStore {
  readonly max: number;
  /** Calls that were to be kept, and were not. */
  lost = 0;
  readonly #maxOfService: number;
  /** Oldest first, by when they were told. */
  readonly #calls = new Map<string, StoredCall>();
  readonly #byService = new Map<string, Set<string>>();
  readonly #listeners = new Set<(call: StoredCall) => void>();

  constructor({ maxCalls = 5_000, maxOfService = maxCalls / 5 }: CallStoreOptions = {}) {
    this.max = maxCalls;
    this.#maxOfService = maxOfService;
  }

  get size(): number {
    return this.#calls.size;
  }

  get oldest(): StoredCall | undefined {
    const [oldest] = this.#calls.values();
    return oldest;
  }

  get(id: string): StoredCall | undefined {
    return this.#calls.get(id);
  }

  put(call: StoredCall): void {
    const { service, record } = call;
    if (this.#calls.has(record.id)) return;
    let ids = this.#byService.get(service);
    if (ids === undefined) {
      ids = new Set();
      this.#byService.set(service, ids);
    }
    if (ids.size >= this.#maxOfService) this.#forget(first(ids));
    if (this.#calls.size >= this.max) this.#forget(first(this.#calls.keys()));
    this.#calls.set(record.id, call);
    ids.add(record.id);
    if (ids.size === 1) this.#byService.set(service, ids);
    for (const listener of this.#listeners) listener(call);
  }

  /** The newest first. */
  list(): readonly StoredCall[] {
    return [...this.#calls.values()].reverse();
  }

  /** Told of each new one. */
  listen(listener: (call: StoredCall) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #forget(id: string | undefined): void {
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (id === undefined || call === undefined) return;
    this.#calls.delete(id);
    const ids = this.#byService.get(call.service);
    ids?.delete(id);
    if (ids?.size === 0) this.#byService.delete(call.service);
  }
}

function first<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}
