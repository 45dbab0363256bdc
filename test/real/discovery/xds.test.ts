/** Discovery by a real control plane, go-control-plane, in both dialects of the protocol. */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openRegistry } from "heddle";
import { createEndpointSet, parseTarget } from "heddle/discovery";
import { serverFolder } from "../../kit/registries/places.ts";
import { startXds, xdsCluster, xdsEndpoints, xdsListener, xdsRoutes } from "../../kit/registries/xds.ts";
import { until } from "../../kit/within.ts";

async function startServer(t: TestContext) {
  const server = await startXds(orders({ 4001: 1, 4002: 3 }));
  t.after(() => server.stop());
  return server;
}

/** All that a client needs to find "orders". */
function orders(ports: Readonly<Record<number, number>>, zone = "a") {
  return [
    xdsListener("orders", "routes"),
    xdsRoutes("routes", { blue: 1 }),
    xdsCluster("blue"),
    xdsEndpoints("blue", zone, ports),
  ];
}

/** One process's view. */
async function openClient(t: TestContext, url: string, env: Readonly<Record<string, string>> = {}) {
  const events: string[] = [];
  const client = await openRegistry(url, {
    env,
    stateFolder: false,
    onEvent: ({ kind }) => events.push(kind),
  });
  t.after(() => client[Symbol.asyncDispose]());

  function follow(name: string) {
    const set = createEndpointSet();
    const controller = new AbortController();
    const done = (async () => {
      for await (const update of client.resolver.watch(parseTarget(`xds:///${name}`), controller.signal))
        set.apply(update);
    })();
    t.after(async () => {
      controller.abort();
      await done;
    });
    const shown = () =>
      [...set.endpoints.values()]
        .map(({ address, weight, zone }) => `${address.split(":")[1]}*${weight}${zone ?? ""}`)
        .toSorted()
        .join(" ");
    const sees = (expected: string) =>
      until(() => shown() === expected, `"${expected}", not "${shown()}",`, 20_000);
    return { set, shown, sees };
  }

  const isDown = () => until(() => events.at(-1) === "disconnected", "the loss", 20_000);
  const isUp = () => until(() => events.at(-1) === "connected", "the return", 20_000);
  return { follow, isDown, isUp };
}

for (const variant of ["sotw", "delta"]) {
  test(`${variant}: endpoints change, a cluster replaces another, a split shares by weight`, async (t) => {
    const server = await startServer(t);
    const watch = (await openClient(t, `${server.url}?variant=${variant}`)).follow("orders");
    await watch.sees("4001*1a 4002*3a");
    await server.serve(orders({ 4002: 3 }, "b"));
    await watch.sees("4002*3b");
    const [listener, , blue, blueEndpoints] = orders({ 4002: 1 });
    const both = [
      xdsCluster("green"),
      xdsEndpoints("green", "c", { 4003: 1 }),
      blue ?? {},
      blueEndpoints ?? {},
    ];
    await server.serve([listener ?? {}, xdsRoutes("routes", { blue: 3, green: 1 }), ...both]);
    await watch.sees("4002*10000a 4003*3333c");
    await server.serve([listener ?? {}, xdsRoutes("routes", { green: 1 }), ...both]);
    await watch.sees("4003*1c");
    assert.deepEqual(server.refusals, []);
  });

  test(`${variant}: a server that is frozen, killed or restarted empties nothing, and changes are seen again`, async (t) => {
    const server = await startServer(t);
    const client = await openClient(t, `${server.url}?variant=${variant}`);
    const watch = client.follow("orders");
    await watch.sees("4001*1a 4002*3a");
    server.freeze();
    await client.isDown();
    assert.equal(watch.shown(), "4001*1a 4002*3a");
    server.thaw();
    await client.isUp();
    await server.restart();
    await client.isDown();
    await client.isUp();
    assert.equal(watch.shown(), "4001*1a 4002*3a");
    await server.serve(orders({ 4009: 1 }));
    await watch.sees("4009*1a");
  });

  test(`${variant}: what cannot be used is refused in words, and the good before it stays`, async (t) => {
    const server = await startServer(t);
    const watch = (await openClient(t, `${server.url}?variant=${variant}`)).follow("orders");
    await watch.sees("4001*1a 4002*3a");
    const [listener, routes, , endpoints] = orders({ 4001: 1 });
    await server.serve([
      listener ?? {},
      routes ?? {},
      xdsCluster("blue", { type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED" }),
      endpoints ?? {},
    ]);
    await until(() => server.refusals.length > 0, "the refusal");
    assert.match(server.refusals[0]?.detail ?? "", /cluster "blue": its type is not supported/);
    await watch.sees("4001*1a");
  });

  test(`${variant}: a target that comes later, and one that nobody knows`, async (t) => {
    const server = await startServer(t);
    const client = await openClient(t, `${server.url}?variant=${variant}`);
    await client.follow("orders").sees("4001*1a 4002*3a");
    const late = client.follow("late");
    await server.serve([...orders({ 4001: 1 }), xdsListener("late", "routes")]);
    await late.sees("4001*1a");
    await server.serve(orders({ 4001: 1 }));
    await late.sees("");
  });
}

test("the bootstrap file of gRPC says where, as whom, and how listeners are called", async (t) => {
  const server = await startServer(t);
  const folder = serverFolder("xds-bootstrap");
  t.after(() => folder.stop([]));
  const file = join(folder.path, "bootstrap.json");
  const bootstrap = {
    xds_servers: [
      {
        server_uri: `dns:///${server.address}`,
        channel_creds: [{ type: "google_default" }, { type: "insecure" }],
      },
    ],
    node: { id: "one", cluster: "shop", locality: { zone: "a" }, metadata: { team: "shop" } },
    client_default_listener_resource_name_template: "or%s",
  };
  writeFileSync(file, JSON.stringify(bootstrap));
  const watch = (await openClient(t, "xds://", { GRPC_XDS_BOOTSTRAP: file })).follow("ders");
  await watch.sees("4001*1a 4002*3a");
});
