/**
 * Consul servers, alone or as a cluster, without access control and TLS. Not `agent -dev`, which keeps nothing: after
 * a restart an agent with a folder has what was registered with it, as the agents of real clusters do.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { builtProgram, serverFolder } from "./places.ts";
import { fetchJson } from "./probes.ts";
import { type NodeOptions, type RegistryServer, startNodes } from "./registry-server.ts";

export interface ConsulOptions {
  /** Default: 1. */
  readonly size?: 1 | 3;
  /** Connections to an agent from one address. Default: Consul's own limit, 200. */
  readonly maxConnections?: number;
}

export interface ConsulServer extends RegistryServer {
  /** Starts them all again with nothing in them: their indexes begin anew. */
  forget(): Promise<void>;
}

export async function startConsul({ size = 1, maxConnections }: ConsulOptions = {}): Promise<ConsulServer> {
  const folder = serverFolder("consul");
  const ports = await freePorts(size * 3);
  const members = Array.from({ length: size }, (_, i) => ({
    name: `consul-${i}`,
    http: ports[i] ?? 0,
    raft: ports[size + i] ?? 0,
    gossip: ports[2 * size + i] ?? 0,
  }));
  const optionsOf = ({ name, http, raft, gossip }: (typeof members)[number]): NodeOptions => {
    const address = `127.0.0.1:${http}`;
    const configuration = {
      node_name: name,
      server: true,
      bootstrap_expect: size,
      bind_addr: "127.0.0.1",
      client_addr: "127.0.0.1",
      ports: { http, server: raft, serf_lan: gossip, serf_wan: -1, dns: -1, grpc: -1, grpc_tls: -1 },
      retry_join: members.filter((other) => other.name !== name).map((other) => `127.0.0.1:${other.gossip}`),
      retry_interval: "200ms",
      data_dir: join(folder.path, name),
      // The timing of production, where the default is for the smallest machines.
      performance: { raft_multiplier: 1 },
      disable_update_check: true,
      ...(maxConnections === undefined ? {} : { limits: { http_max_conns_per_client: maxConnections } }),
      log_level: "warn",
    };
    const file = join(folder.path, `${name}.json`);
    writeFileSync(file, JSON.stringify(configuration));
    return {
      address,
      command: builtProgram("consul"),
      args: ["agent", `-config-file=${file}`],
      log: join(folder.path, `${name}.log`),
      // Only a leader's answer counts: it says that the servers know each other and this one knows itself.
      isReady: async () => {
        const url = `http://${address}/v1/health/service/consul?passing&consistent`;
        const servers = await fetchJson<readonly { Node: { Node: string } }[]>(url);
        return servers.some(({ Node }) => Node.Node === name);
      },
    };
  };

  const nodes = await folder.holdFor(startNodes(members.map(optionsOf)));
  return {
    url: `consul://${nodes.map(({ address }) => address).join(",")}`,
    nodes,
    async forget() {
      await Promise.all(nodes.map((node) => node.kill()));
      for (const { name } of members) rmSync(join(folder.path, name), { recursive: true });
      await Promise.all(nodes.map((node) => node.restart()));
    },
    stop: () => folder.stop(nodes),
  };
}
