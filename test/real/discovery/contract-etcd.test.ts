/** The contract of all registries, kept with etcd, alone and as a cluster. */
import "../../kit/trap.ts";
import { keepsTheContract } from "../../kit/registries/contract/contract.ts";
import { startEtcd } from "../../kit/registries/etcd.ts";
import { fetchJson } from "../../kit/registries/probes.ts";

const ALONE = "a server without others";

for (const size of [1, 3] as const) {
  keepsTheContract({
    name: size === 1 ? "etcd" : "etcd, three nodes",
    bounds: {
      leaseMs: 3_000,
      changeMs: 5_000,
      goneMs: 10_000,
      noticedMs: 8_000,
      mendedMs: 20_000,
      latencyChanges: 100,
    },
    leftOut: size === 1 ? { "one node silent": ALONE, "one node left": ALONE } : {},
    loses: {},
    async start() {
      const server = await startEtcd({ size });
      const base64 = (text: string) => Buffer.from(text).toString("base64");
      return {
        ...server,
        url: ({ hosts = server.nodes.map(({ address }) => address), lease = "short" } = {}) =>
          `etcd://${hosts.join(",")}?ttlMs=${lease === "short" ? 3_000 : 10_000}`,
        async registerMany(service, endpoints) {
          for (let from = 0; from < endpoints.length; from += 100) {
            const success = endpoints.slice(from, from + 100).map(({ id, address }) => ({
              requestPut: {
                key: base64(`heddle/${service}/${id}`),
                value: base64(JSON.stringify({ Op: 0, Addr: address })),
              },
            }));
            await fetchJson(`http://${server.nodes[0]?.address}/v3/kv/txn`, { success });
          }
        },
        forgetHistory: async () => void (await server.compact()),
      };
    },
  });
}
