/** The contract of all registries, kept with two Eureka servers that are peers. */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import type { Endpoint } from "heddle/discovery";
import { keepsTheContract } from "../../kit/registries/contract/contract.ts";
import { startEureka } from "../../kit/registries/eureka.ts";

keepsTheContract({
  name: "Eureka, two peers",
  bounds: {
    // Leases are of whole seconds, and may last twice as long as Eureka is told.
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
      async registerMany(service, endpoints) {
        const waiting = [...endpoints];
        const post = async () => {
          for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
            await register(server.nodes[0]?.address ?? "", service, next);
        };
        await Promise.all(Array.from({ length: 16 }, post));
      },
      isWrite: (request) => request.includes("POST "),
      url({ hosts = server.nodes.map(({ address }) => address), lease = "short" } = {}) {
        const times = lease === "short" ? "renewMs=1000&durationMs=1500" : "renewMs=10000&durationMs=30000";
        return `eureka://${hosts.join(",")}/eureka?pollMs=300&timeoutMs=1000&settleMs=5000&${times}`;
      },
    };
  },
});

/** As any program does it; for long, since nobody sends heartbeats. */
async function register(server: string, service: string, { id, address }: Endpoint): Promise<void> {
  const [host = "", port = ""] = address.split(":");
  const instance = {
    instanceId: id,
    app: service.toUpperCase(),
    vipAddress: service,
    hostName: host,
    ipAddr: host,
    status: "UP",
    port: { $: Number(port), "@enabled": "true" },
    dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
    leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 600 },
  };
  const response = await fetch(`http://${server}/eureka/apps/${instance.app}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ instance }),
  });
  assert.equal(response.status, 204, await response.text());
}
