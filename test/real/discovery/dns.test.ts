/** Discovery by a real DNS server, dnsmasq: what it says, what it no longer says, and when it says nothing. */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openRegistry } from "heddle";
import { createEndpointSet, parseTarget } from "heddle/discovery";
import { type DnsRecords, startDnsmasq } from "../../kit/registries/dnsmasq.ts";
import { until } from "../../kit/within.ts";

/** Ends with the test. */
async function startServer(t: TestContext, records: DnsRecords) {
  const server = await startDnsmasq({ records });
  t.after(() => server.stop());
  return server;
}

async function follow(t: TestContext, registry: string, target: string) {
  const events: string[] = [];
  const client = await openRegistry(registry, {
    stateFolder: false,
    onEvent: ({ kind }) => events.push(kind),
  });
  const controller = new AbortController();
  const set = createEndpointSet();
  const done = (async () => {
    for await (const update of client.resolver.watch(parseTarget(target), controller.signal))
      set.apply(update);
  })();
  t.after(async () => {
    controller.abort();
    await done;
    await client[Symbol.asyncDispose]();
  });
  const shown = () =>
    [...set.endpoints.values()]
      .map(({ address, otherAddresses, weight }) => `${[address, ...otherAddresses].join("|")}*${weight}`)
      .toSorted()
      .join(" ");
  return {
    set,
    events,
    shown,
    sees: (expected: string) => until(() => shown() === expected, `"${expected}", not "${shown()}",`, 20_000),
    isDown: () => until(() => events.at(-1) === "disconnected", "the loss", 20_000),
    isUp: () => until(() => events.at(-1) === "connected", "the return", 20_000),
  };
}

const EAGER = "minIntervalMs=200&maxIntervalMs=1000&timeoutMs=500";
const NAME = "_grpc._tcp.orders.svc.test";

test("SRV records under a suffix: ports, weights, priorities, both families", async (t) => {
  const server = await startServer(t, {
    addresses: {
      "a.svc.test": ["127.0.0.1", "::1"],
      "b.svc.test": ["127.0.0.2"],
      "c.svc.test": ["127.0.0.3"],
    },
    services: {
      [NAME]: [
        { host: "a.svc.test", port: 4001, weight: 10 },
        { host: "b.svc.test", port: 4002, weight: 30 },
        { host: "c.svc.test", port: 4003, priority: 5 },
      ],
    },
  });
  const watch = await follow(t, `${server.url}?${EAGER}`, "dns:///orders");
  await watch.sees("127.0.0.1:4001|[::1]:4001*10 127.0.0.2:4002*30");
  await server.setRecords({
    addresses: { "c.svc.test": ["127.0.0.3"] },
    services: { [NAME]: [{ host: "c.svc.test", port: 4003, priority: 5 }] },
  });
  await watch.sees("127.0.0.3:4003*1");
});

test("all addresses of a host, by a server that the target names", async (t) => {
  const server = await startServer(t, {
    addresses: { "orders.svc.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"] },
  });
  const [node] = server.nodes;
  const watch = await follow(t, `dns://?${EAGER}`, `dns://${node?.address}/orders.svc.test:80`);
  await watch.sees("127.0.0.1:80*1 127.0.0.2:80*1 127.0.0.3:80*1");
  await server.setRecords({ addresses: { "orders.svc.test": ["127.0.0.1", "127.0.0.2"] } });
  await watch.sees("127.0.0.1:80*1 127.0.0.2:80*1");
});

test("a server that is frozen, killed or restarted empties nothing", async (t) => {
  const server = await startServer(t, {
    addresses: { "a.svc.test": ["127.0.0.1"] },
    services: { [NAME]: [{ host: "a.svc.test", port: 4001 }] },
  });
  const [node] = server.nodes;
  assert.ok(node);
  const watch = await follow(t, `${server.url}?${EAGER}`, "dns:///orders");
  await watch.sees("127.0.0.1:4001*1");
  await node.freeze();
  await watch.isDown();
  assert.equal(watch.shown(), "127.0.0.1:4001*1");
  node.thaw();
  await watch.isUp();
  await node.kill();
  await watch.isDown();
  assert.equal(watch.shown(), "127.0.0.1:4001*1");
  await node.restart();
  await watch.isUp();
  assert.equal(watch.shown(), "127.0.0.1:4001*1");
});

test("a name that the server no longer knows is gone, once it has said so again", async (t) => {
  const ips = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];
  const server = await startServer(t, { addresses: { "orders.svc.test": ips } });
  const watch = await follow(t, `dns://${server.nodes[0]?.address}?${EAGER}`, "dns:///orders.svc.test:80");
  await watch.sees(ips.map((ip) => `${ip}:80*1`).join(" "));
  await server.setRecords({});
  await until(() => watch.events.includes("shrink-held"), "doubt", 20_000);
  await watch.sees("");
  assert.equal(watch.set.complete, true);
});

test("three hundred instances come in one answer, over TCP where UDP is too small", async (t) => {
  const numbers = Array.from({ length: 300 }, (_, index) => index);
  const server = await startServer(t, {
    addresses: Object.fromEntries(
      numbers.map((n) => [`i${n}.svc.test`, [`127.0.${1 + (n >> 7)}.${n & 127}`]]),
    ),
    services: { [NAME]: numbers.map((n) => ({ host: `i${n}.svc.test`, port: 4000 + n })) },
  });
  const watch = await follow(t, `${server.url}?timeoutMs=2000`, "dns:///orders");
  await until(() => watch.set.endpoints.size === 300, "all of them", 20_000);
});
