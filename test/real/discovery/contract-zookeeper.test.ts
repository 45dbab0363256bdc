/** The contract of all registries, kept with ZooKeeper, alone and as an ensemble. */
import "../../kit/trap.ts";
import { keepsTheContract } from "../../kit/registries/contract/contract.ts";
import { startZooKeeper } from "../../kit/registries/zookeeper.ts";

const ALONE = "a server without others";

for (const size of [1, 3] as const) {
  keepsTheContract({
    name: size === 1 ? "ZooKeeper" : "ZooKeeper, three nodes",
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
      const server = await startZooKeeper({ size });
      return {
        ...server,
        url: ({ hosts = server.nodes.map(({ address }) => address), lease = "short" } = {}) =>
          `zookeeper://${hosts.join(",")}?sessionTimeoutMs=${lease === "short" ? 3_000 : 10_000}`,
      };
    },
  });
}
