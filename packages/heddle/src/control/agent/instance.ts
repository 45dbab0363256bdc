/** Between an instance on the registry's wire and an endpoint in the process. */
import { create } from "@bufbuild/protobuf";
import { createEndpoint, type Endpoint, type EndpointHealth } from "../../discovery/endpoint.ts";
import { type Instance, InstanceHealth, InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";

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

/** Without its health: that is the registry's to say. */
export function toInstance(endpoint: Endpoint, incarnation: bigint): Instance {
  const { id, address, otherAddresses, service, contracts, protocols, weight } = endpoint;
  const { zone = "", version = "", metadata, draining, tls } = endpoint;
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
    ...(tls === undefined ? {} : { tls }),
  });
}

const HEALTH: Readonly<Partial<Record<InstanceHealth, EndpointHealth>>> = {
  [InstanceHealth.HEALTHY]: "healthy",
  [InstanceHealth.UNHEALTHY]: "unhealthy",
};
