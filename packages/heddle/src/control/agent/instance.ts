/** Between an instance on the registry's wire and an endpoint in the process. */
import { create } from "@bufbuild/protobuf";
import { createEndpoint, type Endpoint } from "../../discovery/endpoint.ts";
import { type Instance, InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";

export function toEndpoint(instance: Instance): Endpoint {
  const { id, address, service, contracts, weight, zone, version, metadata, draining } = instance;
  return createEndpoint({
    id,
    address,
    service,
    contracts,
    weight: weight ?? 1,
    zone,
    version,
    metadata,
    draining,
  });
}

export function toInstance(endpoint: Endpoint, incarnation: bigint): Instance {
  const { id, address, service, contracts, weight, zone = "", version = "", metadata, draining } = endpoint;
  return create(InstanceSchema, {
    id,
    address,
    service,
    contracts: [...contracts],
    weight,
    zone,
    version,
    metadata: { ...metadata },
    draining,
    incarnation,
  });
}
