/** A control plane that says what a test tells it to, and remembers what it was told; and resources to say. */
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { Cluster_DiscoveryType, ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { HealthStatus } from "../../gen/envoy/config/core/v3/core_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../../gen/envoy/config/route/v3/route_pb.ts";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  DiscoveryResponseSchema,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { RegistryTransport } from "../registry-client.ts";
import { createSendQueue, type SendQueue } from "../waiting/send-queue.ts";
import { TYPE_URLS, type XdsType } from "./xds-resource.ts";

export interface FakeStream<Request, Init> {
  /** In order; a test takes what it has seen. */
  readonly requests: Request[];
  send(response: Init): void;
  fail(): void;
}

export class FakeControlPlane {
  readonly sotw: FakeStream<DiscoveryRequest, MessageInitShape<typeof DiscoveryResponseSchema>>[] = [];
  readonly delta: FakeStream<DeltaDiscoveryRequest, MessageInitShape<typeof DeltaDiscoveryResponseSchema>>[] =
    [];

  get transport(): RegistryTransport {
    const { sotw, delta } = this;
    const transport = createRouterTransport(({ service }) => {
      service(AggregatedDiscoveryService, {
        streamAggregatedResources: (requests) => serve(requests, sotw),
        deltaAggregatedResources: (requests) => serve(requests, delta),
      });
    });
    return { ...transport, close: () => {} };
  }
}

async function* serve<Request, Init extends object>(
  requests: AsyncIterable<Request>,
  streams: FakeStream<Request, Init>[],
): AsyncGenerator<Init> {
  const answers: SendQueue<Init | "fail"> = createSendQueue();
  const taken: Request[] = [];
  streams.push({ requests: taken, send: (answer) => answers.push(answer), fail: () => answers.push("fail") });
  void (async () => {
    for await (const request of requests) taken.push(request);
    answers.end();
  })().catch(() => answers.end());
  for await (const answer of answers) {
    if (answer === "fail") throw new ConnectError("the server goes", Code.Unavailable);
    yield answer;
  }
}

export function any<Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): Any {
  const value = toBinary(schema, create(schema, init));
  return create(AnySchema, { typeUrl: `type.googleapis.com/${schema.typeName}`, value });
}

const ads = { configSourceSpecifier: { case: "ads" as const, value: {} } };

export function listener(name: string, routes: string): Any {
  const manager = any(HttpConnectionManagerSchema, {
    routeSpecifier: { case: "rds", value: { routeConfigName: routes, configSource: ads } },
  });
  return any(ListenerSchema, { name, apiListener: { apiListener: manager } });
}

/** One cluster, or several with weights. */
export function route(name: string, clusters: Readonly<Record<string, number>>): Any {
  return any(RouteConfigurationSchema, {
    name,
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          {
            match: { pathSpecifier: { case: "prefix", value: "" } },
            action: {
              case: "route",
              value: {
                clusterSpecifier: {
                  case: "weightedClusters",
                  value: {
                    clusters: Object.entries(clusters).map(([cluster, weight]) => ({
                      name: cluster,
                      weight,
                    })),
                  },
                },
              },
            },
          },
        ],
      },
    ],
  });
}

export function cluster(name: string): Any {
  return any(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ads },
  });
}

export interface FakeLocality {
  readonly zone?: string;
  readonly priority?: number;
  readonly weight?: number;
  /** Port on 127.0.0.1 → weight, or a health. */
  readonly ports: Readonly<Record<number, number | "unhealthy" | "draining">>;
}

export function endpoints(name: string, ...localities: readonly FakeLocality[]): Any {
  return any(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: localities.map(({ zone = "", priority = 0, weight, ports }) => ({
      locality: { zone },
      priority,
      ...(weight === undefined ? {} : { loadBalancingWeight: weight }),
      lbEndpoints: Object.entries(ports).map(([port, said]) => ({
        hostIdentifier: {
          case: "endpoint" as const,
          value: {
            address: {
              address: {
                case: "socketAddress" as const,
                value: {
                  address: "127.0.0.1",
                  portSpecifier: { case: "portValue" as const, value: Number(port) },
                },
              },
            },
          },
        },
        healthStatus:
          said === "unhealthy"
            ? HealthStatus.UNHEALTHY
            : said === "draining"
              ? HealthStatus.DRAINING
              : HealthStatus.HEALTHY,
        loadBalancingWeight: typeof said === "number" ? said : 1,
      })),
    })),
  });
}

export const typeUrl = (type: XdsType) => TYPE_URLS[type];
