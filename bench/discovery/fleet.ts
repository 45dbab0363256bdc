/**
 * The instances of this suite: services of a fleet as they look in life, with one contract each, a zone, a version and two
 * labels. Each service has one instance that changes (`mover`), and others that are there.
 */
import { createEndpoint, type Endpoint } from "heddle/discovery";

export function serviceName(service: number): string {
  return `service-${String(service).padStart(4, "0")}`;
}

export function contractName(service: number): string {
  return `bench.v1.Service${String(service).padStart(4, "0")}`;
}

/** Instance 0 of a service is the mover. */
export function instanceOf(service: number, index: number): Endpoint {
  const name = serviceName(service);
  return createEndpoint({
    id: `${name}-7d9f8c6b5-${String(index).padStart(5, "0")}`,
    address: `10.${service >> 8}.${service & 255}.${1 + (index % 250)}:${4000 + Math.floor(index / 250)}`,
    service: name,
    contracts: [contractName(service)],
    protocols: ["grpc", "grpc-web", "connect"],
    tls: false,
    zone: `eu-west-1${"abc"[index % 3]}`,
    version: "2026.11.3",
    metadata: { commit: "4f2d1c9a", team: "checkout" },
  });
}

/** Where a moved instance says when it was moved, by the monotonic clock in ns. */
export const SENT_LABEL = "sent";
