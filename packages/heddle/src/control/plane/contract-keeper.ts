/**
 * Between what instances said of contracts and the store: what was kept is there again when the control plane starts, and what is new
 * is written behind, in batches. A few seconds of counts are lost with a process that is killed.
 */
import type { Timer, Timers } from "../../runtime/timer.ts";
import type { ContractStore } from "./contract-store.ts";
import type { PlaneStore } from "./plane-store.ts";

export interface ContractKeeperOptions {
  readonly contracts: ContractStore;
  /** Undefined: nothing is kept. */
  readonly store: Pick<PlaneStore, "load" | "write"> | undefined;
  readonly timers: Timers;
  readonly onWarning: (message: string) => void;
}

export interface ContractKeeper extends AsyncDisposable {
  /** Something is new. */
  changed(): void;
  /** Writes what is unwritten. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Rejects with `storeFailed`. */
export async function openContractKeeper(options: ContractKeeperOptions): Promise<ContractKeeper> {
  const { contracts, store, timers, onWarning } = options;
  let timer: Timer | undefined;
  let failing = false;
  let closed = false;

  for (const { kind, key, value } of (await store?.load()) ?? []) {
    if (kind !== "usage" && kind !== "contract") continue;
    try {
      contracts.restore(kind, key, value);
    } catch (error) {
      onWarning(`what the store holds of ${kind} "${key}" cannot be used: ${String(error)}`);
    }
  }

  async function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    try {
      const changes = contracts.takeChanges();
      if (store === undefined || changes.length === 0) return;
      await store.write(changes);
      failing = false;
    } catch (error) {
      // What was not written is written with the next change of the same row; today's rows change all the time.
      if (!failing) onWarning(`${error instanceof Error ? error.message : String(error)}; usage is not kept`);
      failing = true;
    }
  }

  return {
    changed() {
      if (closed || store === undefined) return void contracts.takeChanges();
      timer ??= timers.after(FLUSH_AFTER_MS, () => void flush());
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await flush();
    },
  };
}

const FLUSH_AFTER_MS = 5_000;
