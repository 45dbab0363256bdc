/**
 * The four kinds of xDS resources that lead a client to endpoints, decoded and checked. What Heddle can't honour is a fault in
 * words, which goes back to the control plane as the reason of its refusal (NACK); good resources beside it are used.
 */
import { isIP } from "node:net";
import { fromBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { formatAddress, parseAddress } from "../../call/address.ts";
import { Cluster_DiscoveryType, ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type Address,
  type ConfigSource,
  HealthStatus,
  type Metadata,
  SocketAddress_Protocol,
} from "../../gen/envoy/config/core/v3/core_pb.ts";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
  type LbEndpoint,
} from "../../gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../gen/envoy/config/route/v3/route_pb.ts";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { EndpointHealth } from "../endpoint.ts";

/** In the order in which a client comes to need them. */
export const XDS_TYPES = ["listener", "route", "cluster", "endpoints"] as const;
export type XdsType = (typeof XDS_TYPES)[number];

export const TYPE_URLS: Readonly<Record<XdsType, string>> = {
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
};

export interface XdsResources {
  /** Where its routes are: under a name, or in itself. */
  readonly listener: { readonly routes: string | RouteConfiguration };
  readonly route: RouteConfiguration;
  readonly cluster: {
    /** Where its endpoints are: under a name, or in itself. */
    readonly endpoints: string | readonly XdsLocality[];
    readonly tls: boolean;
  };
  readonly endpoints: readonly XdsLocality[];
}

export interface XdsLocality {
  readonly zone: string;
  readonly priority: number;
  /** Share of calls among those of its priority; undefined: by its endpoints. */
  readonly weight: number | undefined;
  readonly endpoints: readonly XdsEndpoint[];
}

export interface XdsEndpoint {
  readonly address: string;
  readonly otherAddresses: readonly string[];
  readonly weight: number;
  readonly health: EndpointHealth;
  readonly draining: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Decodes and checks a resource. `name` is "" when it can't even be told. Throws nothing. */
export function readXdsResource<Type extends XdsType>(
  type: Type,
  any: Any,
):
  | { readonly name: string; readonly value: XdsResources[Type] }
  | { readonly name: string; readonly fault: string } {
  let name = "";
  try {
    if (any.typeUrl !== TYPE_URLS[type]) throw new Fault(`it is a ${any.typeUrl.slice(0, 200)}`);
    const read = READERS[type](any.value, (told) => {
      name = told;
    });
    if (name === "") throw new Fault("it has no name");
    return { name, value: read };
  } catch (error) {
    return { name, fault: error instanceof Fault ? error.message : "it cannot be decoded" };
  }
}

class Fault extends Error {}

type Reader<Value> = (bytes: Uint8Array, tellName: (name: string) => void) => Value;

const READERS: { readonly [Type in XdsType]: Reader<XdsResources[Type]> } = {
  listener(bytes, tellName) {
    const { name, apiListener } = fromBinary(ListenerSchema, bytes);
    tellName(name);
    const any = apiListener?.apiListener;
    if (!any) throw new Fault("it has no api_listener: it is meant for proxies");
    if (any.typeUrl !== HTTP_CONNECTION_MANAGER)
      throw new Fault(`its api_listener is a ${any.typeUrl.slice(0, 200)}`);
    const { routeSpecifier } = fromBinary(HttpConnectionManagerSchema, any.value);
    if (routeSpecifier.case === "routeConfig") return { routes: routeSpecifier.value };
    if (routeSpecifier.case !== "rds") throw new Fault("it says neither rds nor route_config");
    const { routeConfigName, configSource } = routeSpecifier.value;
    wantSameStream("rds", configSource);
    if (routeConfigName === "") throw new Fault("its rds has no route_config_name");
    return { routes: routeConfigName };
  },

  route(bytes, tellName) {
    const routes = fromBinary(RouteConfigurationSchema, bytes);
    tellName(routes.name);
    return routes;
  },

  cluster(bytes, tellName) {
    const cluster = fromBinary(ClusterSchema, bytes);
    tellName(cluster.name);
    const { clusterDiscoveryType: discovery, edsClusterConfig, loadAssignment, transportSocket } = cluster;
    if (discovery.case === "clusterType")
      throw new Fault(`clusters of the type ${discovery.value.name.slice(0, 100)} are not supported`);
    const typed = transportSocket?.configType.value?.typeUrl ?? "";
    const tls =
      transportSocket?.name === "envoy.transport_sockets.tls" || typed.endsWith(".UpstreamTlsContext");
    const inline = () => readLocalities(loadAssignment, "names");
    switch (discovery.value ?? Cluster_DiscoveryType.STATIC) {
      case Cluster_DiscoveryType.EDS:
        wantSameStream("eds", edsClusterConfig?.edsConfig);
        return { endpoints: edsClusterConfig?.serviceName || cluster.name, tls };
      case Cluster_DiscoveryType.STATIC:
        return { endpoints: readLocalities(loadAssignment, "addresses"), tls };
      case Cluster_DiscoveryType.LOGICAL_DNS: {
        const localities = inline();
        if (localities.flatMap(({ endpoints }) => endpoints).length !== 1)
          throw new Fault("a cluster of the type LOGICAL_DNS must have one endpoint");
        return { endpoints: localities, tls };
      }
      case Cluster_DiscoveryType.STRICT_DNS: {
        const localities = inline();
        if (localities.some(({ endpoints }) => endpoints.some(({ address }) => !isLiteral(address))))
          throw new Fault(
            "STRICT_DNS with names is not supported: use EDS, or LOGICAL_DNS with one endpoint",
          );
        return { endpoints: localities, tls };
      }
      default:
        throw new Fault("its type is not supported: EDS, STATIC and simple LOGICAL_DNS and STRICT_DNS are");
    }
  },

  endpoints(bytes, tellName) {
    const assignment = fromBinary(ClusterLoadAssignmentSchema, bytes);
    tellName(assignment.clusterName);
    return readLocalities(assignment, "addresses");
  },
};

const HTTP_CONNECTION_MANAGER =
  "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

function wantSameStream(what: string, source: ConfigSource | undefined): void {
  const { case: kind } = source?.configSourceSpecifier ?? {};
  if (kind !== "ads" && kind !== "self")
    throw new Fault(`the config_source of its ${what} must be ads or self`);
}

function readLocalities(
  assignment: ClusterLoadAssignment | undefined,
  hosts: "addresses" | "names",
): readonly XdsLocality[] {
  return (assignment?.endpoints ?? []).map(({ locality, priority, loadBalancingWeight, lbEndpoints }) => ({
    zone: locality?.zone ?? "",
    priority,
    weight: loadBalancingWeight,
    endpoints: lbEndpoints.map((endpoint) => readEndpoint(endpoint, hosts)),
  }));
}

function readEndpoint(given: LbEndpoint, hosts: "addresses" | "names"): XdsEndpoint {
  const { hostIdentifier, healthStatus, loadBalancingWeight, metadata } = given;
  if (hostIdentifier.case !== "endpoint") throw new Fault("an endpoint without an address is not supported");
  const { address, additionalAddresses } = hostIdentifier.value;
  return {
    address: readAddress(address, hosts),
    otherAddresses: additionalAddresses.map((other) => readAddress(other.address, hosts)),
    weight: loadBalancingWeight ?? 1,
    health: HEALTH[healthStatus] ?? "unhealthy",
    draining: healthStatus === HealthStatus.DRAINING,
    metadata: labelsOf(metadata),
  };
}

const HEALTH: Readonly<Record<number, EndpointHealth>> = {
  [HealthStatus.UNKNOWN]: "unknown",
  [HealthStatus.HEALTHY]: "healthy",
  [HealthStatus.DEGRADED]: "healthy",
  [HealthStatus.DRAINING]: "unknown",
};

function readAddress(given: Address | undefined, hosts: "addresses" | "names"): string {
  const address = given?.address;
  if (address?.case === "pipe") return checked(`unix:${address.value.path}`);
  if (address?.case !== "socketAddress") throw new Fault("an endpoint has no address");
  const { address: host, protocol, portSpecifier } = address.value;
  if (protocol !== SocketAddress_Protocol.TCP) throw new Fault("an endpoint is not reached by TCP");
  if (portSpecifier.case !== "portValue") throw new Fault("an endpoint has no port number");
  if (hosts === "addresses" && isIP(host) === 0)
    throw new Fault(`the address "${host.slice(0, 100)}" of an endpoint is no IP address`);
  return checked(formatAddress({ kind: "tcp", host, port: portSpecifier.value }));
}

function checked(address: string): string {
  const fault = parseAddress(address);
  if (typeof fault === "string")
    throw new Fault(`the address "${address.slice(0, 100)}" of an endpoint: ${fault}`);
  return address;
}

function isLiteral(address: string): boolean {
  const parsed = parseAddress(address);
  return (
    typeof parsed !== "string" &&
    (parsed.kind === "unix" || (parsed.kind === "tcp" && isIP(parsed.host) !== 0))
  );
}

/** Texts under `envoy.lb`, by which Envoy chooses subsets, and under `heddle`. */
function labelsOf(metadata: Metadata | undefined): Readonly<Record<string, string>> {
  const filters = ["envoy.lb", "heddle"].flatMap((name) =>
    Object.entries(metadata?.filterMetadata[name] ?? {}),
  );
  return Object.fromEntries(
    filters.flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : [])),
  );
}
