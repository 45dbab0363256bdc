/** Which of the known instances a client uses: those of its zone first, and of very many only a part. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startAnsweringServer as answering, until } from "../connection/scripted-peer.test.ts";
import { createEndpoint } from "../discovery/endpoint.ts";
import { createDiscoveredClient as createWorld } from "./virtual-client.test.ts";

test("instances of the own zone get the calls while there are enough, and spill over when not", async () => {
  using a1 = answering("zone-a1");
  using a2 = answering("zone-a2");
  using b1 = answering("zone-b1");
  using b2 = answering("zone-b2");
  const { client, discovery } = createWorld({ zone: "a", balancer: "round_robin" });
  using _ = client;
  const inZone = (zone: string) => (server: { readonly address: string }) =>
    createEndpoint({ address: server.address, zone });
  const [a, b] = [[a1, a2].map(inZone("a")), [b1, b2].map(inZone("b"))];
  discovery.tell([...a, ...b]);
  await client.ready(4);
  for (let i = 0; i < 40; i++) await client.echo.say({});
  assert.deepEqual(
    [a1, a2, b1, b2].map(({ requests }) => requests.length),
    [20, 20, 0, 0],
  );
  // One of the two is gone from the own zone: half of it is worth 70 % of the calls.
  discovery.tell([...a.slice(0, 1), ...b, createEndpoint({ address: "memory:nobody", zone: "a" })]);
  await until(() => client.channel.subchannels.get(a2.address) === undefined, "the loss of a2");
  const before = a1.requests.length;
  for (let i = 0; i < 200; i++) await client.echo.say({});
  const own = a1.requests.length - before;
  assert.ok(own > 110 && own < 170, `${own} of 200 stayed`);
  assert.ok(b1.requests.length > 10 && b2.requests.length > 10);
});

test("a zone with fewer instances than an even share takes no more than these are worth", async () => {
  using own = answering("small-zone-own");
  using others = new DisposableStack();
  const far = [1, 2, 3, 4, 5].map((n) => others.use(answering(`small-zone-${n}`)));
  const { client, discovery } = createWorld({ zone: "a", balancer: "round_robin" });
  using _ = client;
  discovery.tell([
    createEndpoint({ address: own.address, zone: "a" }),
    ...far.map(({ address }) => createEndpoint({ address, zone: "b" })),
  ]);
  await client.ready(6);
  for (let i = 0; i < 300; i++) await client.echo.say({});
  // An even share would be three instances: a third of them, times 1.4.
  assert.ok(own.requests.length > 100 && own.requests.length < 180, `${own.requests.length} of 300 stayed`);
});

test("a new instance gets its share little by little", async () => {
  using old = answering("slow-start-old");
  using fresh = answering("slow-start-new");
  const { client, discovery } = createWorld({ balancer: "weighted_round_robin", slowStartMs: 10_000 });
  using _ = client;
  const endpoints = [old, fresh].map(({ address }) => createEndpoint({ address }));
  discovery.tell(endpoints.slice(0, 1));
  await client.ready(1);
  discovery.tell(endpoints);
  await client.ready(2);
  const shareOfNew = async (): Promise<number> => {
    const before = fresh.requests.length;
    for (let i = 0; i < 110; i++) await client.echo.say({});
    return fresh.requests.length - before;
  };
  assert.equal(await shareOfNew(), 10);
  await client.pass(5000);
  const halfWay = await shareOfNew();
  assert.ok(halfWay > 30 && halfWay < 42, `${halfWay} of 110 half way`);
  await client.pass(6000);
  assert.equal(await shareOfNew(), 55);
});

test("of very many instances a client connects to its part, and follows when the part changes", async () => {
  using servers = new DisposableStack();
  const all = Array.from({ length: 12 }, (_, n) => servers.use(answering(`subset-${n}`)));
  const { client, discovery } = createWorld({ subset: { above: 8, size: 3 } });
  using _ = client;
  const endpoints = all.map(({ address }) => createEndpoint({ address }));
  discovery.tell(endpoints);
  await client.ready(3);
  const chosen = [...client.channel.subchannels.keys()];
  assert.equal(chosen.length, 3);
  // One that is used leaves: another takes its place, and the others stay.
  const left = endpoints.filter(({ address }) => address !== chosen[0]);
  discovery.tell(left);
  await until(
    () => client.channel.subchannels.size === 3 && !client.channel.subchannels.has(chosen[0] ?? ""),
    "a new one",
  );
  for (const id of chosen.slice(1)) assert.ok(client.channel.subchannels.has(id));
  // No more than so many: all are used.
  discovery.tell(left.slice(0, 8));
  await client.ready(8);
  assert.equal(client.channel.subchannels.size, 8);
  await client.echo.say({});
});

test("clients draw different parts", async () => {
  const endpoints = Array.from({ length: 200 }, (_, n) => createEndpoint({ address: `memory:nobody-${n}` }));
  const used = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const { client, discovery } = createWorld({ subset: true, seed });
    using _ = client;
    client.channel.connect();
    discovery.tell(endpoints);
    await until(() => client.channel.subchannels.size === 50, "a part of the instances");
    for (const id of client.channel.subchannels.keys()) used.add(id);
  }
  assert.ok(used.size > 190, `${used.size} of 200 are used by somebody`);
});
