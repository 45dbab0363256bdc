/** The contract of all registries, kept with Heddle's own: one control plane, and three over one etcd. */
import "../../kit/trap.ts";
import { keepsTheContract } from "../../kit/registries/contract/contract.ts";
import { startHeddle } from "../../kit/registries/heddle.ts";

const ALONE = "a control plane without others";

for (const size of [1, 3] as const) {
  keepsTheContract({
    name: size === 1 ? "heddle control" : "three heddle control --store etcd",
    bounds: {
      // The command's own lease. An instance whose connection ends is gone after 1.5 s.
      leaseMs: 10_000,
      changeMs: 5_000,
      goneMs: 10_000,
      noticedMs: 15_000,
      mendedMs: 30_000,
      latencyChanges: 100,
    },
    leftOut: size === 1 ? { "one node silent": ALONE, "one node left": ALONE } : {},
    loses: {},
    async start() {
      const server = await startHeddle({ size });
      return {
        ...server,
        url: ({ hosts = server.nodes.map(({ address }) => address) } = {}) => `heddle://${hosts.join(",")}`,
        // Its next life counts from the beginning.
        forgetHistory: async () => void (await Promise.all(server.nodes.map((node) => node.restart()))),
      };
    },
  });
}
