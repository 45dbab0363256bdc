/**
 * Counts, from the call records that a mesh hands to `observe`, which instance answered how many calls, and what
 * became of calls that an instance did not answer. Plain data, so that it can be sent between processes.
 */
import type { CallRecord } from "heddle";

export interface InstanceTally {
  readonly instance: string;
  /** A restarted instance has its old name and a new address. */
  readonly address: string;
  answered: number;
  /** Calls in flight on it when it was lost. */
  lost: number;
}

export interface RepeatedCall {
  readonly method: string;
  /** Addresses of those that were lost, and of the one whose answer counted. */
  readonly lostAt: readonly string[];
  readonly answeredAt: string;
  readonly status: string;
  readonly elapsedMs: number;
}

export interface CallTally {
  readonly instances: InstanceTally[];
  readonly repeated: RepeatedCall[];
}

export function createCallTally(): { readonly tally: CallTally; observe(record: CallRecord): void } {
  const tally: CallTally = { instances: [], repeated: [] };
  const byAddress = new Map<string, InstanceTally>();

  function tallyOf(instance: string, address: string): InstanceTally {
    let entry = byAddress.get(address);
    if (entry === undefined) {
      entry = { instance, address, answered: 0, lost: 0 };
      byAddress.set(address, entry);
      tally.instances.push(entry);
    }
    return entry;
  }

  return {
    tally,
    observe({ method, status, elapsedMs, attempts }) {
      for (const { instance, address, status } of attempts) {
        if (address === "") continue;
        if (status === "UNAVAILABLE") tallyOf(instance, address).lost++;
        else tallyOf(instance, address).answered++;
      }
      const last = attempts.at(-1);
      if (attempts.length < 2 || last === undefined) return;
      const lostAt = attempts.slice(0, -1).map(({ address }) => address);
      tally.repeated.push({ method, lostAt, answeredAt: last.address, status, elapsedMs });
    },
  };
}
