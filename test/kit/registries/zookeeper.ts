/** Apache ZooKeeper of Debian, alone or as an ensemble, without authentication and TLS. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { serverFolder } from "./places.ts";
import { askInWords } from "./probes.ts";
import { type NodeOptions, type RegistryServer, startNodes } from "./registry-server.ts";

/** ZooKeeper's unit of time: sessions are looked at once a tick, so they may end that much late. */
const TICK_MS = 500;

export interface ZooKeeperOptions {
  /** Default: 1. */
  readonly size?: 1 | 3;
}

/** Grants sessions of 500 ms to 60 s. */
export async function startZooKeeper({ size = 1 }: ZooKeeperOptions = {}): Promise<RegistryServer> {
  const folder = serverFolder("zookeeper");
  const ports = await freePorts(size * 3);
  const members = Array.from({ length: size }, (_, i) => ({
    id: i + 1,
    client: `127.0.0.1:${ports[i]}`,
    peer: `127.0.0.1:${ports[size + i]}:${ports[2 * size + i]}`,
  }));
  const ensemble = members.map(({ id, peer }) => `server.${id}=${peer}`);
  const optionsOf = ({ id, client }: (typeof members)[number]): NodeOptions => {
    const home = join(folder.path, String(id));
    mkdirSync(home);
    writeFileSync(join(home, "myid"), String(id));
    const settings = [
      `dataDir=${home}`,
      "clientPortAddress=127.0.0.1",
      `clientPort=${client.split(":")[1]}`,
      `tickTime=${TICK_MS}`,
      "minSessionTimeout=500",
      "maxSessionTimeout=60000",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      "4lw.commands.whitelist=srvr",
      ...(size === 1 ? [] : ["standaloneEnabled=false", "initLimit=20", "syncLimit=10", ...ensemble]),
    ];
    writeFileSync(join(home, "zoo.cfg"), `${settings.join("\n")}\n`);
    return {
      address: client,
      command: "java",
      args: [
        "-Xmx256m",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        "/usr/share/java/slf4j-simple.jar:/usr/share/java/zookeeper.jar",
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        join(home, "zoo.cfg"),
      ],
      log: join(folder.path, `${id}.log`),
      isReady: async () => /Mode: (leader|follower|standalone)/.test(await askInWords(client, "srvr")),
    };
  };

  const nodes = await folder.holdFor(startNodes(members.map(optionsOf)));
  return {
    url: `zookeeper://${nodes.map(({ address }) => address).join(",")}`,
    nodes,
    stop: () => folder.stop(nodes),
  };
}
