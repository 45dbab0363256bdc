/**
 * Service configs of several names in one document, as a file holds them:
 * `{ "services": { "shop.v1.OrderService": { … }, "*": { … } } }`.
 */
import { isJsonObject } from "../call/json-object.ts";
import { type Fault, pathText, show, unknownField } from "./check-value.ts";
import { parseServiceConfig } from "./parse-service-config.ts";
import type { ServiceConfig } from "./service-config.ts";

/** Stands for every name that has none of its own. */
export const ANY_NAME = "*";

export interface ServiceConfigSet {
  /** By the name that clients ask for, or "*". */
  readonly configs: ReadonlyMap<string, ServiceConfig>;
  readonly notes: readonly string[];
}

export type ParsedServiceConfigs =
  | (ServiceConfigSet & { readonly faults?: undefined })
  | { readonly faults: readonly Fault[] };

export function parseServiceConfigs(value: unknown): ParsedServiceConfigs {
  if (!isJsonObject(value))
    return { faults: [{ path: [], reason: `it must be an object, not ${show(value)}` }] };
  const { services, ...others } = value;
  const faults: Fault[] = Object.keys(others).map((name) => ({
    path: [name],
    reason: `${unknownField(name, ["services"])}; a config stands under services, by the name that it is for`,
  }));
  if (!isJsonObject(services))
    return {
      faults: [...faults, { path: ["services"], reason: `it must be an object, not ${show(services)}` }],
    };
  const configs = new Map<string, ServiceConfig>();
  const notes: string[] = [];
  for (const [name, given] of Object.entries(services)) {
    const parsed = parseServiceConfig(given);
    if (parsed.faults !== undefined)
      for (const { path, reason } of parsed.faults)
        faults.push({ path: ["services", name, ...path], reason });
    else {
      configs.set(name, parsed.config);
      for (const note of parsed.notes) notes.push(`${pathText(["services", name])}: ${note}`);
    }
  }
  return faults.length > 0 ? { faults } : { configs, notes };
}

/** What the set says of a name. */
export function configFor({ configs }: ServiceConfigSet, name: string): ServiceConfig | undefined {
  return configs.get(name) ?? configs.get(ANY_NAME);
}
