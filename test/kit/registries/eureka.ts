/**
 * Spring Cloud's Eureka server, alone or as two peers that replicate to each other. What it knows is in memory: alone
 * it has forgotten everything after a restart, as a peer it takes the other's registry.
 *
 * Eureka's own periods are made for patience (evictions once a minute, answers half a minute old), so here they are
 * short; and what protects a registry from its own network's failure is off unless asked for, since a test's few
 * instances would always trip it.
 */
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { cached, serverFolder } from "./places.ts";
import { fetchJson } from "./probes.ts";
import { type NodeOptions, type RegistryServer, startNodes } from "./registry-server.ts";

export interface EurekaOptions {
  /** Default: 1. */
  readonly size?: 1 | 2;
  /** Whether it stops evicting when too many instances miss their beats. Default: false. */
  readonly selfPreservation?: boolean;
  /** How often expired instances are evicted. Default: 500. */
  readonly evictionEveryMs?: number;
  /** How old an answer may be. Default: 200. */
  readonly answersUpToMs?: number;
  /** How long a change stands in the delta. Default: 180 000, Eureka's own. */
  readonly deltaForMs?: number;
}

export async function startEureka(options: EurekaOptions = {}): Promise<RegistryServer> {
  const { size = 1 } = options;
  const folder = serverFolder("eureka");
  const ports = await freePorts(size);
  // Peers tell themselves from the others by the host alone, so on one machine each needs a name of its own.
  const members = ports.map((port, i) => ({ port, host: i === 0 ? "127.0.0.1" : "localhost" }));
  const urls = members.map(({ port, host }) => `http://${host}:${port}/eureka/`);
  const optionsOf = ({ port, host }: (typeof members)[number], i: number): NodeOptions => {
    const address = `127.0.0.1:${port}`;
    return {
      address,
      command: "java",
      args: [
        ...JAVA_OPTIONS,
        "-cp",
        `${cached("eureka/lib")}/*`,
        "EurekaServer",
        ...SETTINGS,
        `--server.port=${port}`,
        `--eureka.instance.hostname=${host}`,
        `--eureka.client.fetch-registry=${size > 1}`,
        `--eureka.client.service-url.defaultZone=${urls.filter((_, other) => size === 1 || other !== i).join(",")}`,
        ...serverSettings(options),
      ],
      log: join(folder.path, `${i}.log`),
      isReady: async () => (await fetchJson<object>(`http://${address}/eureka/apps`)) !== undefined,
    };
  };

  const nodes = await folder.holdFor(startNodes(members.map(optionsOf)));
  return {
    url: `eureka://${nodes.map(({ address }) => address).join(",")}/eureka`,
    nodes,
    stop: () => folder.stop(nodes),
  };
}

/** A server that lives for seconds: no time for the best code, and little memory. */
const JAVA_OPTIONS = [
  "-Xmx256m",
  "-XX:TieredStopAtLevel=1",
  "-XX:+UseSerialGC",
  `-XX:SharedArchiveFile=${cached("eureka/classes.jsa")}`,
];

const SETTINGS = [
  "--server.address=127.0.0.1",
  "--spring.main.banner-mode=off",
  "--spring.jmx.enabled=false",
  "--logging.level.root=warn",
  "--eureka.dashboard.enabled=false",
  "--eureka.client.register-with-eureka=false",
  "--eureka.client.registry-fetch-interval-seconds=1",
];

function serverSettings({
  size = 1,
  selfPreservation = false,
  evictionEveryMs = 500,
  answersUpToMs = 200,
  deltaForMs = 180_000,
}: EurekaOptions): string[] {
  const settings = {
    "enable-self-preservation": selfPreservation,
    "eviction-interval-timer-in-ms": evictionEveryMs,
    "response-cache-update-interval-ms": answersUpToMs,
    "response-cache-auto-expiration-in-seconds": 1,
    "retention-time-in-m-s-in-delta-queue": deltaForMs,
    "delta-retention-timer-interval-in-ms": 500,
    "registry-sync-retries": size > 1 ? 3 : 0,
    "registry-sync-retry-wait-ms": 200,
    "wait-time-in-ms-when-sync-empty": 0,
    "max-threads-for-peer-replication": 4,
  };
  return Object.entries(settings).map(([name, value]) => `--eureka.server.${name}=${value}`);
}
