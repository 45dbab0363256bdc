/** The contract of all registries, kept with two Eureka servers that are peers. */
import "../../kit/trap.ts";
import { keepsTheContract } from "../../kit/registries/contract/contract.ts";
import { startEureka } from "../../kit/registries/eureka.ts";

keepsTheContract({
  name: "Eureka, two peers",
  bounds: {
    // Eureka lets a lease last twice as long as it is told.
    leaseMs: 3_000,
    changeMs: 8_000,
    goneMs: 15_000,
    noticedMs: 8_000,
    mendedMs: 30_000,
    // Each takes a poll.
    latencyChanges: 30,
  },
  leftOut: {},
  loses: {},
  async start() {
    // What is older than three seconds is in no delta: who comes back after a longer absence finds by the hash that it misses something.
    const server = await startEureka({ size: 2, deltaForMs: 3_000 });
    return {
      ...server,
      url({ hosts = server.nodes.map(({ address }) => address), lease = "short" } = {}) {
        const times = lease === "short" ? "renewMs=1000&durationMs=1500" : "renewMs=10000&durationMs=30000";
        return `eureka://${hosts.join(",")}/eureka?pollMs=300&timeoutMs=1000&settleMs=5000&${times}`;
      },
    };
  },
});
