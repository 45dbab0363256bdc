import type { Endpoint } from "../discovery/endpoint.ts";
import type { Resolver, ResolverUpdate } from "../discovery/resolver.ts";

/**
 * A resolver that tells what `inner` does, with other addresses: those of the ways through which one caller is to reach
 * the instances. Their ids stay. Further addresses of an instance would lead past the faults, and are left out.
 */
export function createFaultyResolver(inner: Resolver, route: (address: string) => Promise<string>): Resolver {
  async function through(endpoints: readonly Endpoint[]): Promise<Endpoint[]> {
    return await Promise.all(
      endpoints.map(async (endpoint) => ({
        ...endpoint,
        address: await route(endpoint.address),
        otherAddresses: [],
      })),
    );
  }

  async function reroute(update: ResolverUpdate): Promise<ResolverUpdate> {
    return update.kind === "snapshot"
      ? { ...update, endpoints: await through(update.endpoints) }
      : { ...update, upserted: await through(update.upserted) };
  }

  return {
    scheme: inner.scheme,
    async *watch(target, signal) {
      for await (const update of inner.watch(target, signal)) yield await reroute(update);
    },
    ...(inner.describe === undefined ? {} : { describe: () => inner.describe?.() ?? [] }),
  };
}
