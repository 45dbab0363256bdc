/**
 * The promise that matters most: a registry that is down costs no call. Servers and a client in memory on real agents,
 * and a registry that goes away for ten minutes of virtual time.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Channel } from "../../client/channel.ts";
import { createStub } from "../../client/stub.ts";
import { Echo } from "../../contract/echo-service.test.ts";
import { createEndpoint } from "../../discovery/endpoint.ts";
import { heddleTarget } from "../../discovery/target.ts";
import { implement } from "../../server/implement.ts";
import { createServer } from "../../server/server.ts";
import { type Agent, createWorld } from "./registry-world.test.ts";

const folder = await mkdtemp(join(tmpdir(), "heddle-registry-down-"));
after(() => rm(folder, { recursive: true }));

type World = ReturnType<typeof createWorld>;

async function startServer(world: World, agent: Agent, name: string) {
  const server = await createServer({
    services: [implement(Echo, { say: ({ value }) => ({ value }) })],
    listen: `memory:registry-down-${name}`,
    runtime: world.runtime,
  });
  const { address, services } = server;
  const registration = agent.registrar.register(
    createEndpoint({ id: name, address, service: "echo", contracts: services }),
  );
  return Object.assign(server, { registration });
}

function startClient(world: World, agent: Agent) {
  const channel = new Channel({
    target: heddleTarget(Echo.typeName),
    resolver: agent.resolver,
    runtime: world.runtime,
    options: {},
  });
  const echo = createStub(Echo, channel);
  return {
    channel,
    /** One call every so often for so long; how many there were. The first one that fails fails the test. */
    async callFor(ms: number, everyMs: number): Promise<number> {
      let calls = 0;
      for (const untilMs = world.time.now() + ms; world.time.now() < untilMs; calls++) {
        const call = echo.say({ value: Uint8Array.of(calls) });
        call.catch(() => {});
        await world.pass(everyMs);
        assert.deepEqual((await call).value, Uint8Array.of(calls));
      }
      return calls;
    },
    [Symbol.dispose]: () => channel.close("now"),
  };
}

test("ten minutes without a registry cost no call: not to those who called before, not to those who start meanwhile", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  await using servers = world.agent();
  await using a = await startServer(world, servers, "a");
  await using b = await startServer(world, servers, "b");
  await using callers = world.agent({ stateFolder: folder });
  using client = startClient(world, callers);
  assert.ok((await client.callFor(2_000, 50)) >= 40);

  world.stopRegistry();
  assert.ok((await client.callFor(300_000, 500)) >= 600);
  const [status] = callers.resolver.describe();
  assert.ok(status && status.state === "lost" && status.endpoints === 2);
  assert.ok((status.ageMs ?? 0) >= 300_000 && (status.ageMs ?? 0) < 304_000);
  assert.deepEqual([a.registration.state, b.registration.state], ["lost", "lost"]);

  await using late = world.agent({ stateFolder: folder });
  using lateClient = startClient(world, late);
  lateClient.channel.connect();
  await world.until("the saved set is read", () => late.resolver.describe()[0]?.endpoints === 2);
  assert.ok((await lateClient.callFor(300_000, 500)) >= 600);
  assert.equal(late.resolver.describe()[0]?.source, "last-good");

  world.startRegistry();
  assert.ok((await client.callFor(10_000, 50)) >= 200);
  assert.ok((await lateClient.callFor(10_000, 50)) >= 200);
  assert.deepEqual([a.registration.state, b.registration.state], ["registered", "registered"]);
  for (const agent of [callers, late]) {
    const [now] = agent.resolver.describe();
    assert.ok(now && now.state === "live" && now.source === "registry" && now.endpoints === 2);
  }
});
