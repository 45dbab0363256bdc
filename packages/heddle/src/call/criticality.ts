/**
 * How much a call matters when a server cannot do everything: what it refuses first. Four levels, as in Google's
 * SRE book ("Handling Overload", section "Criticality"): few enough that people agree on them across teams.
 *
 * The level travels as metadata, is inherited by the calls that a handler makes, and is read by the server's
 * `admit` layer. Whoever says nothing is `critical`, so that saying something is only ever needed for work that
 * may be given up, or for the little that must not be.
 */
import type { HandlerContext } from "@connectrpc/connect";

/**
 * From what is refused last to what is refused first.
 * - `critical_plus`: people notice at once, and much is lost. Keep it rare.
 * - `critical`: people notice. The default.
 * - `sheddable_plus`: may be missing for minutes, such as batch work that tries again.
 * - `sheddable`: may be missing for hours, such as prefetching.
 */
export const criticalities = ["critical_plus", "critical", "sheddable_plus", "sheddable"] as const;
export type Criticality = (typeof criticalities)[number];

/** The metadata that says it: `client.list(request, { headers: { "heddle-criticality": "sheddable" } })`. */
export const CRITICALITY_FIELD = "heddle-criticality";

export const DEFAULT_CRITICALITY: Criticality = "critical";

/** 0 for `critical_plus` … 3 for `sheddable`; undefined for what is no level. */
export function criticalityRank(name: string | undefined): number | undefined {
  const rank = (criticalities as readonly (string | undefined)[]).indexOf(name);
  return rank < 0 ? undefined : rank;
}

/** The level that a field names; undefined for none, and for words of a newer version that nobody here knows. */
export function toCriticality(text: string | undefined): Criticality | undefined {
  const rank = criticalityRank(text);
  return rank === undefined ? undefined : criticalities[rank];
}

/** The one that is given up sooner: a part does not matter more than the whole. */
export function lessCritical(
  one: Criticality | undefined,
  other: Criticality | undefined,
): Criticality | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return criticalities[Math.max(criticalities.indexOf(one), criticalities.indexOf(other))];
}

/** How critical the call is that a handler serves; `critical` when its caller said nothing. */
export function criticalityOf(context: HandlerContext): Criticality {
  return toCriticality(context.requestHeader.get(CRITICALITY_FIELD) ?? undefined) ?? DEFAULT_CRITICALITY;
}
