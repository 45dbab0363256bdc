/**
 * Reads which balancer gRPC's service config names: the first one of a list that is known, alone or within outlier
 * detection. Sources: gRFC A24, A42, A48, A58 (policies) and A50 (outlier detection), https://github.com/grpc/proposal.
 */
import { meantBy } from "./meant-by.ts";
import { balancerFields } from "./balancer-fields.ts";
import { checkValue, type Path, show } from "./check-value.ts";
import type { GrpcReader, Json } from "./grpc-reader.ts";
import { GRPC_OUTLIER_NAMES, grpcBalancers, OWN_BALANCER_PREFIX } from "./grpc-service-config.ts";
import type { OutlierConfig, ServiceConfig } from "./service-config.ts";

/** What it says, to be filled in. */
export type BalancingConfig = { -readonly [Name in "balancer" | "outlierEjection"]?: ServiceConfig[Name] };

/** The first policy of the list that is known, as gRPC chooses. */
export function readGrpcBalancers(
  reader: GrpcReader,
  given: unknown,
  path: Path,
  config: BalancingConfig,
): void {
  const names: string[] = [];
  for (const [index, item] of reader.list(given, path).entries()) {
    const entries = Object.entries(reader.object(item, [...path, index]));
    const [only] = entries;
    if (only === undefined || entries.length !== 1)
      return reader.fault([...path, index], "it must have one field, the name of a policy");
    const [name, settings] = only;
    names.push(name);
    const here = [...path, index, name];
    if (GRPC_OUTLIER_NAMES.includes(name) && config.outlierEjection !== undefined)
      return reader.fault(here, "it stands within outlier detection already");
    if (GRPC_OUTLIER_NAMES.includes(name))
      return readOutlier(reader, reader.object(settings, here), here, config);
    const own = ownBalancer(name);
    if (own === undefined) continue;
    config.balancer = name.startsWith(OWN_BALANCER_PREFIX)
      ? ownSettings(reader, own, settings, here)
      : grpcSettings(reader, own, reader.object(settings, here), here);
    return;
  }
  const known = Object.keys(grpcBalancers);
  const meant = names.map((name) => meantBy(name, known)).find((name) => name !== undefined);
  reader.fault(
    path,
    `there is no policy in it that is known here; known are ${[...known, ...GRPC_OUTLIER_NAMES].join(", ")}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
  );
}

export function readGrpcPolicy(reader: GrpcReader, given: unknown, config: BalancingConfig): void {
  const name = typeof given === "string" ? given.toLowerCase() : "";
  if (name === "unspecified") return;
  const own = Object.hasOwn(grpcBalancers, name) ? grpcBalancers[name] : undefined;
  if (own === undefined)
    return reader.fault(
      ["loadBalancingPolicy"],
      `it must be one of ${Object.keys(grpcBalancers).join(", ")}, not ${show(given)}`,
    );
  config.balancer = own;
}

function ownBalancer(name: string): string | undefined {
  if (Object.hasOwn(grpcBalancers, name)) return grpcBalancers[name];
  const own = name.startsWith(OWN_BALANCER_PREFIX) ? name.slice(OWN_BALANCER_PREFIX.length) : undefined;
  return own !== undefined && Object.hasOwn(balancerFields, own) ? own : undefined;
}

function ownSettings(
  reader: GrpcReader,
  name: string,
  settings: unknown,
  path: Path,
): NonNullable<ServiceConfig["balancer"]> {
  const fields = balancerFields[name] ?? {};
  const checked = checkValue(settings, { kind: "object", fields }, path, reader.faults) as Json | undefined;
  return checked === undefined || Object.keys(checked).length === 0 ? name : { [name]: checked };
}

function grpcSettings(
  reader: GrpcReader,
  name: string,
  given: Json,
  path: Path,
): NonNullable<ServiceConfig["balancer"]> {
  const settings: Record<string, unknown> = {};
  const known: string[] = [];
  for (const [field, { grpc, is }] of Object.entries(balancerFields[name] ?? {})) {
    if (grpc === undefined) continue;
    known.push(grpc);
    const value = given[grpc];
    if (value === undefined) continue;
    const isTime = field.endsWith("Ms");
    const own = isTime ? reader.duration(value, [...path, grpc], "from 0s") : value;
    settings[field] = checkValue(own, is, [...path, grpc], reader.faults);
  }
  reader.noteOthers(given, known, path);
  return Object.keys(settings).length === 0 ? name : { [name]: settings };
}

/** With gRPC's defaults written out, for ours are others. */
function readOutlier(reader: GrpcReader, given: Json, path: Path, config: BalancingConfig): void {
  reader.noteOthers(given, OUTLIER_FIELDS, path);
  const time = (name: string, otherwise: string) =>
    Math.max(1, reader.duration(given[name] ?? otherwise, [...path, name]));
  const { successRateEjection: success, failurePercentageEjection: failure, maxEjectionPercent = 10 } = given;
  const outlier: { -readonly [Name in keyof OutlierConfig]: OutlierConfig[Name] } = {
    consecutiveFailures: 0,
    failurePercentage: false,
    successRate: false,
    latency: false,
    intervalMs: Math.max(10, time("interval", "10s")),
    baseEjectionMs: time("baseEjectionTime", "30s"),
    maxEjectionMs: time("maxEjectionTime", "300s"),
    growth: "linear",
    jitter: 0,
    maxEjectionPercent: reader.count(maxEjectionPercent, [...path, "maxEjectionPercent"], 100),
    trial: false,
  };
  if (success !== undefined) {
    const here = [...path, "successRateEjection"];
    const { stdevFactor = 1900 } = reader.object(success, here);
    outlier.successRate = {
      stdevFactor: reader.count(stdevFactor, [...here, "stdevFactor"], 1_000_000) / 1000,
      ...readEjection(reader, reader.object(success, here), here, 100),
    };
  }
  if (failure !== undefined) {
    const here = [...path, "failurePercentageEjection"];
    const { threshold = 85 } = reader.object(failure, here);
    outlier.failurePercentage = {
      thresholdPercent: reader.count(threshold, [...here, "threshold"], 100),
      timesOthers: 0,
      ...readEjection(reader, reader.object(failure, here), here, 50),
    };
  }
  config.outlierEjection = outlier;
  if (given["childPolicy"] === undefined)
    return reader.fault([...path, "childPolicy"], "it is missing: a list of policies");
  readGrpcBalancers(reader, given["childPolicy"], [...path, "childPolicy"], config);
}

function readEjection(reader: GrpcReader, given: Json, path: Path, volume: number) {
  const { enforcementPercentage = 100, minimumHosts = 5, requestVolume = volume } = given;
  return {
    enforcementPercent: reader.count(enforcementPercentage, [...path, "enforcementPercentage"], 100),
    minimumHosts: Math.max(1, reader.count(minimumHosts, [...path, "minimumHosts"], 100_000)),
    requestVolume: reader.count(requestVolume, [...path, "requestVolume"], 1_000_000_000),
  };
}

const OUTLIER_FIELDS = [
  "interval",
  "baseEjectionTime",
  "maxEjectionTime",
  "maxEjectionPercent",
  "successRateEjection",
  "failurePercentageEjection",
  "childPolicy",
];
