/**
 * Which resolver answers for which scheme. A plain value made by the composition root: nothing registers itself
 * by being imported.
 */
import type { Resolver } from "./resolver.ts";
import { invalidTarget, type Target } from "./target.ts";

export interface Resolvers {
  readonly schemes: readonly string[];
  /** The resolver of the target's scheme. Throws `targetInvalid` when there is none. */
  find(target: Target): Resolver;
}

/** Of two resolvers with one scheme the later wins, so an application's own may replace a built-in. */
export function createResolvers(resolvers: Iterable<Resolver>): Resolvers {
  const byScheme = new Map([...resolvers].map((resolver) => [resolver.scheme, resolver]));
  const schemes = [...byScheme.keys()];
  return {
    schemes,
    find(target) {
      const found = byScheme.get(target.scheme);
      if (found) return found;
      const reason = `no resolver for scheme "${target.scheme}"; known: ${schemes.join(", ")}`;
      throw invalidTarget(target, reason);
    },
  };
}
