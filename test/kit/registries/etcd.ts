/** etcd, alone or as a cluster, without authentication and TLS. */
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { fetchJson } from "./probes.ts";
import { builtProgram, serverFolder } from "./places.ts";
import { type NodeOptions, type RegistryServer, startNodes } from "./registry-server.ts";

export interface EtcdOptions {
  /** Default: 1. */
  readonly size?: 1 | 3;
  /**
   * Between the beats of a leader. An election takes ten times as long, and the shortest lease fifteen times.
   * Default: 50, so that leases of a second can be had.
   */
  readonly heartbeatMs?: number;
}

export interface EtcdServer extends RegistryServer {
  /** Forgets the history before the present revision, which it returns: older cursors are refused. */
  compact(): Promise<number>;
}

export async function startEtcd({ size = 1, heartbeatMs = 50 }: EtcdOptions = {}): Promise<EtcdServer> {
  const folder = serverFolder("etcd");
  const ports = await freePorts(size * 2);
  const members = Array.from({ length: size }, (_, i) => ({
    name: `etcd-${i}`,
    client: `127.0.0.1:${ports[i]}`,
    peer: `127.0.0.1:${ports[size + i]}`,
  }));
  const cluster = members.map(({ name, peer }) => `${name}=http://${peer}`).join(",");
  const optionsOf = ({ name, client, peer }: (typeof members)[number]): NodeOptions => ({
    address: client,
    command: builtProgram("etcd"),
    args: [
      `--name=${name}`,
      `--data-dir=${join(folder.path, name)}`,
      `--listen-client-urls=http://${client}`,
      `--advertise-client-urls=http://${client}`,
      `--listen-peer-urls=http://${peer}`,
      `--initial-advertise-peer-urls=http://${peer}`,
      `--initial-cluster=${cluster}`,
      `--heartbeat-interval=${heartbeatMs}`,
      `--election-timeout=${heartbeatMs * 10}`,
      "--log-level=warn",
    ],
    log: join(folder.path, `${name}.log`),
    isReady: async () => (await fetchJson<{ health: string }>(`http://${client}/health`)).health === "true",
  });

  const nodes = await folder.holdFor(startNodes(members.map(optionsOf)));
  const ask = <T>(path: string, body: object) => fetchJson<T>(`http://${nodes[0]?.address}/v3/${path}`, body);
  return {
    url: `etcd://${nodes.map(({ address }) => address).join(",")}`,
    nodes,
    async compact() {
      const { header } = await ask<{ header: { revision: string } }>("kv/range", { key: "AA==" });
      await ask("kv/compaction", { revision: header.revision, physical: true });
      return Number(header.revision);
    },
    stop: () => folder.stop(nodes),
  };
}
