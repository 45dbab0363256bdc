/** The contract of all registries, kept with a folder. */
import "../../kit/trap.ts";
import { keepsTheContract } from "../../kit/registries/contract/contract.ts";
import { startFolder } from "../../kit/registries/folder.ts";

keepsTheContract({
  name: "a folder",
  bounds: {
    leaseMs: 2_000,
    changeMs: 5_000,
    goneMs: 10_000,
    noticedMs: 8_000,
    mendedMs: 20_000,
    latencyChanges: 100,
  },
  leftOut: {
    "frozen server": "a folder has no server; a file system that hangs is tested with its adapter",
    "forgotten history": "a folder is read as it is, there is no cursor",
    "lost answer": "a rename has happened or not, and its process knows",
    "one node silent": "there are no nodes",
    "one node left": "there are no nodes",
  },
  loses: {},
  async start() {
    const server = startFolder();
    const node = {
      address: server.path,
      freeze: () => Promise.reject(new Error("a folder cannot be frozen")),
      thaw: () => {},
      kill: async () => server.takeAway(),
      restart: async () => server.bringBack(),
    };
    return {
      ...server,
      nodes: [node],
      url: ({ lease = "short" } = {}) =>
        `${server.url}?pollMs=500&ttlMs=${lease === "short" ? 2_000 : 30_000}`,
    };
  },
});
