/** What the query of a target may ask of its registry: each kind knows its own options, and a misspelt one is told. */
import { nearest } from "../call/nearest.ts";
import { invalidTarget, type Target } from "./target.ts";

/**
 * Throws `targetInvalid` for an option that is none of `known`, with the one that may have been meant. `registry` is the
 * scheme of the registry that resolves the target, which need not be the target's.
 */
export function refuseTargetOptions(target: Target, registry: string, known: readonly string[] = []): void {
  const other = Object.keys(target.query).find((name) => !known.includes(name));
  if (other === undefined) return;
  const meant = nearest(other, known);
  const there = known.length === 0 ? "there are none" : `known: ${known.join(", ")}`;
  const advice = meant === undefined ? there : `did you mean ${meant}?`;
  throw invalidTarget(target, `targets of ${registry}:// have no option "${other.slice(0, 40)}"; ${advice}`);
}
