/**
 * Endpoints that stand in the target itself: `static:///10.0.0.1:80,10.0.0.2:80`. There is nothing to watch, so one
 * complete snapshot is yielded and the iteration stays open until it is aborted, as with every other resolver.
 */
import { parseAddress } from "../call/address.ts";
import { createEndpoint, type Endpoint } from "./endpoint.ts";
import type { Resolver } from "./resolver.ts";
import { invalidTarget, type Target } from "./target.ts";
import { aborted } from "./waiting/aborted.ts";

export function createStaticResolver(): Resolver {
  return {
    scheme: "static",
    async *watch(target, signal) {
      const endpoints = staticEndpoints(target);
      if (signal.aborted) return;
      yield { kind: "snapshot", epoch: "static", revision: 0n, endpoints, complete: true };
      await aborted(signal);
    },
  };
}

/** The endpoints of a static target, without watching. Throws `targetInvalid` for a malformed address. */
export function staticEndpoints(target: Target): readonly Endpoint[] {
  const addresses = [...new Set(target.name.split(",").map((address) => address.trim()))];
  return addresses.map((address) => {
    const reason = parseAddress(address);
    if (typeof reason === "string") throw invalidTarget(target, `"${address}": ${reason}`);
    return createEndpoint({ address });
  });
}
