/** The contract of all registries as far as DNS can keep it, with dnsmasq. */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { type DnsService, startDnsmasq } from "../../kit/registries/dnsmasq.ts";
import { keepsTheContract } from "../../kit/registries/contract/contract.ts";

const NOBODY_REGISTERS = "nobody registers in DNS; who runs the zone writes it";
const ONE_SERVER = "there is one server";
const NO_PLACE = "DNS has no place for it";

keepsTheContract({
  name: "DNS",
  bounds: {
    // The TTL of the records.
    leaseMs: 1_000,
    changeMs: 5_000,
    goneMs: 10_000,
    noticedMs: 15_000,
    mendedMs: 15_000,
    // Each takes a TTL.
    latencyChanges: 20,
  },
  leftOut: {
    renewal: NOBODY_REGISTERS,
    expiry: NOBODY_REGISTERS,
    "killed instance": NOBODY_REGISTERS,
    incarnations: NOBODY_REGISTERS,
    "lost answer": NOBODY_REGISTERS,
    "forgotten history": "every answer is whole, there is no cursor",
    "one node silent": ONE_SERVER,
    "one node left": ONE_SERVER,
  },
  loses: {
    id: "it is the address",
    service: NO_PLACE,
    contracts: NO_PLACE,
    protocols: NO_PLACE,
    otherAddresses: "only that of the other address family",
    tls: NO_PLACE,
    zone: NO_PLACE,
    version: NO_PLACE,
    metadata: NO_PLACE,
    draining: NO_PLACE,
  },
  many: {
    count: 400,
    reason: "what dnsmasq answers with 500 SRV records and their addresses, c-ares can't read",
  },
  async start() {
    const server = await startDnsmasq();
    const addresses: Record<string, readonly string[]> = {};
    const services: Record<string, readonly DnsService[]> = {};
    const [node] = server.nodes;
    assert.ok(node);
    // New records mean a new start, and it starts once at a time.
    let starting = Promise.resolve();
    const inTurn = (start: () => Promise<void>) => (starting = starting.then(start));
    return {
      nodes: [{ ...node, restart: () => inTurn(() => node.restart()) }],
      url: () => `${server.url}?minIntervalMs=200&maxIntervalMs=1000&timeoutMs=1000`,
      async publish(service, endpoints) {
        services[`_grpc._tcp.${service}.svc.test`] = endpoints.map(({ address, weight }) => {
          const [ip = "", port = ""] = address.split(":");
          const host = `h-${ip.replaceAll(".", "-")}.svc.test`;
          addresses[host] = [ip];
          return { host, port: Number(port), weight };
        });
        await inTurn(() => server.setRecords({ addresses, services }));
      },
      stop: () => server.stop(),
    };
  },
});
