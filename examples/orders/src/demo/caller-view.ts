/**
 * What the registry tells callers, followed from outside as one more caller: so the demo knows when an instance can be
 * called, and when callers have heard that one is gone. It works the same on every kind of registry.
 */
import { openRegistry } from "heddle";
import { createEndpointSet, type EndpointSet, heddleTarget } from "heddle/discovery";
import type { RunningInstance } from "./services.ts";

export interface CallerView extends AsyncDisposable {
  /** Resolves with true when callers are told of the instance at its address, with false when they weren't in time. */
  hearsOf(instance: RunningInstance, withinMs: number): Promise<boolean>;
  /** Resolves with true when callers are no longer told of that address, with false when they still are. */
  hearsNoMoreOf(instance: RunningInstance, withinMs: number): Promise<boolean>;
}

/** Follows each contract from the first question about it. */
export async function openCallerView(registry: string): Promise<CallerView> {
  const client = await openRegistry(registry, { stateFolder: false });
  const ended = new AbortController();
  const sets = new Map<string, EndpointSet>();
  const watches: Promise<void>[] = [];
  const looks = new Set<() => void>();

  function setOf(contract: string): EndpointSet {
    const known = sets.get(contract);
    if (known !== undefined) return known;
    const set = createEndpointSet();
    sets.set(contract, set);
    watches.push(follow(contract, set));
    return set;
  }

  async function follow(contract: string, set: EndpointSet): Promise<void> {
    for await (const update of client.resolver.watch(heddleTarget(contract), ended.signal)) {
      set.apply(update);
      for (const look of looks) look();
    }
  }

  function until(condition: () => boolean, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isSo: boolean) => {
        looks.delete(look);
        clearTimeout(timer);
        resolve(isSo);
      };
      const look = () => condition() && settle(true);
      const timer = setTimeout(settle, withinMs, false);
      looks.add(look);
      look();
    });
  }

  const has = ({ contract, address }: RunningInstance) => {
    const { endpoints } = setOf(contract);
    return [...endpoints.values()].some((endpoint) => endpoint.address === address);
  };
  return {
    hearsOf: (instance, withinMs) => until(() => has(instance), withinMs),
    hearsNoMoreOf: (instance, withinMs) => until(() => !has(instance), withinMs),
    async [Symbol.asyncDispose]() {
      ended.abort();
      await Promise.all(watches);
      await client[Symbol.asyncDispose]();
    },
  };
}
