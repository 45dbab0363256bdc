/**
 * Rules for methods that a service does not have: no fault of the config, which may be older or newer than the contract,
 * but a name that is misspelt has no effect, and nobody would notice.
 */
import { meantBy } from "./meant-by.ts";
import type { ServiceConfig } from "./service-config.ts";

/** A sentence for each name in the config that this service does not have. */
export function unknownMethods(
  { methods = [] }: ServiceConfig,
  service: string,
  known: readonly string[],
): readonly string[] {
  return methods
    .flatMap(({ names = [] }) => names)
    .filter(
      (name) =>
        name.service === service && (name.method ?? "") !== "" && !known.includes(name.method as string),
    )
    .map(({ method = "" }) => {
      const meant = meantBy(method, known);
      return `${service} has no method ${method}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
    });
}
