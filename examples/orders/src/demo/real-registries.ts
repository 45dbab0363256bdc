/**
 * Real registry servers of other people for a run of the demo, by the means of the tests. Their programs are installed
 * when they are missing, which takes minutes for those that are compiled.
 *
 * The URLs ask for short times after which a process that died is forgotten, so that the demo is short as well; the
 * defaults are for production.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startConsul } from "../../../../test/kit/registries/consul.ts";
import { startDnsmasq } from "../../../../test/kit/registries/dnsmasq.ts";
import { startEtcd } from "../../../../test/kit/registries/etcd.ts";
import { startEureka } from "../../../../test/kit/registries/eureka.ts";
import { startKubernetes } from "../../../../test/kit/registries/kubernetes.ts";
import { startXds } from "../../../../test/kit/registries/xds.ts";
import { startZooKeeper } from "../../../../test/kit/registries/zookeeper.ts";
import { publishToDns, publishToKubernetes, publishToXds } from "./platforms.ts";
import type { DemoRegistry, RealKind } from "./registry.ts";

/** Resolves when it serves. When it rejects, nothing is left running. */
export async function startReal(kind: RealKind): Promise<DemoRegistry> {
  await install(kind);
  return await START[kind]();
}

const START: Readonly<Record<RealKind, () => Promise<DemoRegistry>>> = {
  etcd: async () => toRegistry(await startEtcd(), { query: "ttlMs=3000" }),
  consul: async () => toRegistry(await startConsul(), { query: "ttlMs=3000" }),
  zookeeper: async () => toRegistry(await startZooKeeper(), { query: "sessionTimeoutMs=3000" }),
  eureka: async () => toRegistry(await startEureka(), { query: "pollMs=500&renewMs=1000&durationMs=3000" }),
  async kubernetes() {
    const server = await startKubernetes();
    // The API server, and the etcd below it.
    return toRegistry(server, { processes: 2, publish: publishToKubernetes(server) });
  },
  async dns() {
    const server = await startDnsmasq();
    return toRegistry(server, { query: "minIntervalMs=500", publish: publishToDns(server) });
  },
  async xds() {
    const server = await startXds();
    return toRegistry(server, { publish: publishToXds(server) });
  },
};

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

interface Additions extends Partial<Pick<DemoRegistry, "processes" | "publish">> {
  /** Options for its URL. */
  readonly query?: string;
}

function toRegistry(server: Server, { query, ...more }: Additions): DemoRegistry {
  return {
    url: query === undefined ? server.url : `${server.url}?${query}`,
    isOurs: true,
    processes: 1,
    ...more,
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Says on standard error what it installs, if anything. */
async function install(kind: RealKind): Promise<void> {
  const script = fileURLToPath(new URL("../../../../scripts/install-real.mjs", import.meta.url));
  const installing = spawn(process.execPath, [script, kind], { stdio: ["ignore", 2, 2] });
  const [code] = (await once(installing, "close")) as [number | null];
  if (code !== 0) throw new Error(`the program for ${kind} could not be installed`);
}
