/**
 * Heddle's own registry, as `heddle control` runs it in processes of its own: one that keeps nothing, or several over one
 * etcd.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type EtcdServer, startEtcd } from "./etcd.ts";
import { freePorts } from "../free-ports.ts";
import { serverFolder } from "./places.ts";
import { fetchJson } from "./probes.ts";
import { type NodeOptions, type RegistryServer, startNodes } from "./registry-server.ts";

export interface HeddleServer extends RegistryServer {
  /** The store of several control planes. */
  readonly etcd: EtcdServer | undefined;
}

export async function startHeddle({ size = 1 }: { readonly size?: 1 | 3 } = {}): Promise<HeddleServer> {
  await using started = new AsyncDisposableStack();
  const etcd = size === 1 ? undefined : await startEtcd();
  started.defer(async () => etcd?.stop());
  const folder = serverFolder("heddle");
  const addresses = (await freePorts(size)).map((port) => `127.0.0.1:${port}`);
  const optionsOf = (address: string, n: number): NodeOptions => ({
    address,
    command: process.execPath,
    args: [
      fileURLToPath(new URL("../../../packages/heddle/bin/heddle.js", import.meta.url)),
      "control",
      `--listen=${address}`,
      ...(etcd === undefined ? [] : [`--store=${etcd.url}/contract`]),
    ],
    log: join(folder.path, `${n}.log`),
    isReady: async () =>
      (await fetchJson<object>(`http://${address}/heddle.registry.v1.RegistryService/ListInstances`, {})) !==
      undefined,
  });
  const nodes = await folder.holdFor(startNodes(addresses.map(optionsOf)));
  started.defer(() => folder.stop(nodes));
  const owned = started.move();
  return { url: `heddle://${addresses.join(",")}`, nodes, etcd, stop: () => owned.disposeAsync() };
}
