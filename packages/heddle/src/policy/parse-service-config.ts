/**
 * From anything (JSON, YAML, what somebody's code passes) to a service config, or to all that is wrong with it.
 */
import { HeddleError } from "../call/errors.ts";
import { checkValue, type Fault, faultText } from "./check-value.ts";
import { fromGrpcServiceConfig } from "./from-grpc-service-config.ts";
import { isGrpcServiceConfig } from "./grpc-service-config.ts";
import { checkMethodNames } from "./method-names.ts";
import type { ServiceConfig } from "./service-config.ts";
import { serviceFields } from "./service-config-fields.ts";

export type ParsedServiceConfig =
  | {
      readonly config: ServiceConfig;
      /** What has no effect here, such as settings of gRPC that Heddle has nothing for. */
      readonly notes: readonly string[];
      readonly faults?: undefined;
    }
  | { readonly config?: undefined; readonly notes?: undefined; readonly faults: readonly Fault[] };

/** Reads either form, ours or gRPC's; which one it is shows in its fields. */
export function parseServiceConfig(value: unknown): ParsedServiceConfig {
  if (isGrpcServiceConfig(value)) return fromGrpcServiceConfig(value);
  const faults: Fault[] = [];
  const checked = checkValue(value, { kind: "object", fields: serviceFields }, [], faults);
  if (faults.length > 0) return { faults };
  const config = checked as ServiceConfig;
  const rules = (config.methods ?? []).map(({ names = [] }, index) => ({
    names,
    path: ["methods", index],
    field: "names",
  }));
  checkMethodNames(rules, faults);
  return faults.length > 0 ? { faults } : { config, notes: [] };
}

/** The config, or `serviceConfigInvalid` with what is wrong. `where`: whose it is, such as the name of a file. */
export function readServiceConfig(value: unknown, where: string): ServiceConfig {
  const { config, faults } = parseServiceConfig(value);
  if (config !== undefined) return config;
  throw serviceConfigInvalid(where, faults);
}

export function serviceConfigInvalid(where: string, faults: readonly Fault[]): HeddleError {
  return new HeddleError("serviceConfigInvalid", { where, reason: faultsText(faults) });
}

/** In one line. */
export function faultsText(faults: readonly Fault[]): string {
  const shown = faults.slice(0, MAX_SHOWN).map(faultText);
  const others = faults.length - shown.length;
  return [...shown, ...(others > 0 ? [`and ${others} more`] : [])].join("; ");
}

/** A file of another kind has one fault in each line. */
const MAX_SHOWN = 10;
