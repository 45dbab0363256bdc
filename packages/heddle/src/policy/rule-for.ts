/**
 * Which rule of a service config is a method's: the one that names it, else the one that names its service, else the
 * one that is for all. As in gRPC the rule holds whole: nothing of a less exact one is added to it.
 * Source: https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/service_config.proto (MethodConfig.Name)
 */
import type { MethodConfig } from "./service-config.ts";

/** The rule for `method` of `service`; undefined when there is none. */
export function ruleFor(
  rules: readonly MethodConfig[],
  service: string,
  method: string,
): MethodConfig | undefined {
  let ofService: MethodConfig | undefined;
  let ofAll: MethodConfig | undefined;
  for (const rule of rules) {
    const { names = [] } = rule;
    if (names.length === 0) ofAll ??= rule;
    for (const name of names) {
      if ((name.service ?? "") === "") ofAll ??= rule;
      else if (name.service !== service) continue;
      else if ((name.method ?? "") === "") ofService ??= rule;
      else if (name.method === method) return rule;
    }
  }
  return ofService ?? ofAll;
}
