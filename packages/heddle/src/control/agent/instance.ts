/** Between an instance on the registry's wire and an endpoint in the process. */
import { create } from "@bufbuild/protobuf";
import { createEndpoint, type Endpoint, type EndpointHealth } from "../../discovery/endpoint.ts";
import type { InstanceCheckOptions } from "../../discovery/instance-check.ts";
import {
  type HealthCheck,
  HealthCheckSchema,
  type Instance,
  InstanceHealth,
  InstanceSchema,
} from "../../gen/heddle/registry/v1/registry_pb.ts";

export function toEndpoint(instance: Instance): Endpoint {
  const { id, address, otherAddresses, service, contracts, protocols, weight, zone, version } = instance;
  const { metadata, draining, health, tls } = instance;
  return createEndpoint({
    id,
    address,
    otherAddresses,
    service,
    contracts,
    protocols,
    weight: weight ?? 1,
    zone,
    version,
    metadata,
    draining,
    health: HEALTH[health] ?? "unknown",
    ...(tls === undefined ? {} : { tls }),
  });
}

/** Of its health only that it is unhealthy: the rest is the registry's to say. */
export function toInstance(endpoint: Endpoint, incarnation: bigint): Instance {
  const { id, address, otherAddresses, service, contracts, protocols, weight } = endpoint;
  const { zone = "", version = "", metadata, draining, tls, health } = endpoint;
  return create(InstanceSchema, {
    id,
    address,
    otherAddresses: [...otherAddresses],
    service,
    contracts: [...contracts],
    protocols: [...protocols],
    weight,
    zone,
    version,
    metadata: { ...metadata },
    draining,
    incarnation,
    ...(health === "unhealthy" ? { health: InstanceHealth.UNHEALTHY } : {}),
    ...(tls === undefined ? {} : { tls }),
  });
}

/** With the registry's default in the place of what is not said. */
export function toHealthCheck({ kind, service, path, ttlMs, ...rules }: InstanceCheckOptions): HealthCheck {
  const kinds = {
    grpc: { case: "grpc", value: { service: service ?? "" } },
    http: { case: "http", value: { path: path ?? "/readyz" } },
    tcp: { case: "tcp", value: {} },
    ttl: { case: "ttl", value: { ttlMs: ttlMs ?? 0 } },
  } as const;
  return create(HealthCheckSchema, { ...rules, kind: kinds[kind] });
}

const HEALTH: Readonly<Partial<Record<InstanceHealth, EndpointHealth>>> = {
  [InstanceHealth.HEALTHY]: "healthy",
  [InstanceHealth.UNHEALTHY]: "unhealthy",
};
