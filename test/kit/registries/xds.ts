/**
 * A control plane of Envoy's kind (go-control-plane, see xds/main.go) that serves the resources it was given last. It ends
 * when this process does, for it reads what to serve from us.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { until, within } from "../within.ts";
import { freePort } from "../free-ports.ts";
import { builtProgram } from "./places.ts";

/** In the JSON form of Protobuf, with "@type". */
export type XdsResource = Readonly<Record<string, unknown>>;

export interface XdsServer {
  /** As `registry` is written in Heddle's options. */
  readonly url: string;
  readonly address: string;
  /** What clients have refused, in their words. */
  readonly refusals: readonly { readonly refused: string; readonly detail: string }[];
  /** In the place of all there were, under a new version. Resolves when they are served. */
  serve(resources: readonly XdsResource[]): Promise<void>;
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** SIGKILL, and a new one on the same port that serves the same, under a new version. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startXds(resources: readonly XdsResource[] = []): Promise<XdsServer> {
  const address = `127.0.0.1:${await freePort()}`;
  const refusals: { refused: string; detail: string }[] = [];
  let served: readonly XdsResource[] = [];
  let version = 0;
  let heard = 0;
  let child = await start();

  async function start(): Promise<ChildProcess> {
    const started = spawn(builtProgram("xds-server"), ["-listen", address], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: started.stdout });
    await within(once(lines, "line"), "the start of the xDS server");
    lines.on("line", (line) => {
      const words = JSON.parse(line) as { served?: string; refused?: string; detail?: string };
      if (words.served !== undefined) heard = Number(words.served);
      if (words.refused !== undefined) refusals.push({ refused: words.refused, detail: words.detail ?? "" });
    });
    return started;
  }

  async function serve(now: readonly XdsResource[]): Promise<void> {
    served = now;
    version++;
    child.stdin?.write(`${JSON.stringify({ version: String(version), resources: now })}\n`);
    await until(() => heard === version, `version ${version} of the xDS server`);
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  await serve(resources);
  return {
    url: `xds://${address}`,
    address,
    refusals,
    serve,
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    async restart() {
      await kill();
      child = await start();
      await serve(served);
    },
    stop: kill,
  };
}

const ENVOY = "type.googleapis.com/envoy";
const ads = { ads: {}, resource_api_version: "V3" };

export function xdsListener(name: string, routes: string): XdsResource {
  return {
    "@type": `${ENVOY}.config.listener.v3.Listener`,
    name,
    api_listener: {
      api_listener: {
        "@type": `${ENVOY}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
        stat_prefix: name,
        rds: { config_source: ads, route_config_name: routes },
        http_filters: [
          {
            name: "router",
            typed_config: { "@type": `${ENVOY}.extensions.filters.http.router.v3.Router` },
          },
        ],
      },
    },
  };
}

/** Cluster → weight. */
export function xdsRoutes(name: string, clusters: Readonly<Record<string, number>>): XdsResource {
  const weighted = Object.entries(clusters).map(([cluster, weight]) => ({ name: cluster, weight }));
  return {
    "@type": `${ENVOY}.config.route.v3.RouteConfiguration`,
    name,
    virtual_hosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          { match: { prefix: "/" }, route: { weighted_clusters: { clusters: weighted }, timeout: "5s" } },
        ],
      },
    ],
  };
}

export function xdsCluster(name: string, fields: XdsResource = {}): XdsResource {
  return {
    "@type": `${ENVOY}.config.cluster.v3.Cluster`,
    name,
    type: "EDS",
    eds_cluster_config: { eds_config: ads },
    connect_timeout: "1s",
    lb_policy: "ROUND_ROBIN",
    ...fields,
  };
}

/** Port on 127.0.0.1 → weight. */
export function xdsEndpoints(
  name: string,
  zone: string,
  ports: Readonly<Record<number, number>>,
): XdsResource {
  return {
    "@type": `${ENVOY}.config.endpoint.v3.ClusterLoadAssignment`,
    cluster_name: name,
    endpoints: [
      {
        locality: { region: "here", zone },
        load_balancing_weight: 1,
        lb_endpoints: Object.entries(ports).map(([port, weight]) => ({
          endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: Number(port) } } },
          health_status: "HEALTHY",
          load_balancing_weight: weight,
        })),
      },
    ],
  };
}
