/** The words on the in-memory network in virtual time, with the whole stack on top. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { type Client, Code, createClient } from "@connectrpc/connect";
import { isHeddleError } from "../call/errors.ts";
import type { CallRecord } from "../call/record.ts";
import type { ClientOptions } from "../client/options.ts";
import { createTransport } from "../client/transport.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { createStaticResolver } from "../discovery/static.ts";
import { implement } from "../server/implement.ts";
import { createServer } from "../server/server.ts";
import { createFaults, createRuntime, createSeededRandom, createVirtualTime } from "./index.ts";

const bytes = (length: number) => new Uint8Array(length);

async function startWorld(t: TestContext, { seed = 1, instances = ["a"], ...options }: WorldOptions = {}) {
  const time = createVirtualTime();
  const runtime = createRuntime({ clock: time, timers: time, random: createSeededRandom(seed) });
  const transcript = createHash("sha256");
  let passed = 0;
  const faults = createFaults({
    seed,
    runtime,
    onPassed: ({ atMs, caller, callee, connection, direction, what }) => {
      passed++;
      transcript.update(`${atMs} ${caller} ${callee} ${connection} ${direction} `).update(what);
    },
  });
  const servers = await Promise.all(
    instances.map((name) => {
      const handlers = { say: echo, get: echo, put: echo };
      return createServer({
        services: [implement(Echo, handlers)],
        listen: `memory:${name}`,
        interceptors: [faults.instance(name).interceptor],
        runtime,
      });
    }),
  );
  const records: CallRecord[] = [];
  const transport = createTransport({
    target: `static:///${instances.map((name) => `memory:${name}`).join(",")}`,
    resolvers: [faults.resolver("web", createStaticResolver())],
    runtime,
    observe: (record) => records.push(record),
    ...options,
  });
  const client = createClient(Echo, transport);
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    transport.close("now");
    await time.run(Promise.all(servers.map((server) => server.close({ drainMs: 0 }))));
    await faults.close();
  };
  t.after(close);
  return {
    time,
    faults,
    client,
    records,
    way: faults.between("web", `memory:${instances[0]}`),
    close,
    digest: () => `${passed} ${transcript.copy().digest("hex")}`,
  };
}

interface WorldOptions extends ClientOptions {
  readonly seed?: number;
  readonly instances?: readonly string[];
}

const echo = ({ value }: { value: Uint8Array }) => ({ value });

/** How long a call takes, in virtual ms. */
async function timeOf({ time, client }: World, length = 0): Promise<number> {
  const began = time.now();
  const { value } = await time.run(client.say({ value: bytes(length) }));
  assert.equal(value.length, length);
  return time.now() - began;
}
type World = { time: ReturnType<typeof createVirtualTime>; client: Client<typeof Echo> };

test("latency: a round trip takes it twice, with jitter a little more or less", async (t) => {
  const world = await startWorld(t);
  assert.equal(await timeOf(world), 0);
  world.way.latency(50);
  assert.equal(await timeOf(world), 100);
  world.way.requests.heal();
  assert.equal(await timeOf(world), 50);
  world.way.heal().latency(50, { jitterMs: 10 });
  const times: number[] = [];
  for (let i = 0; i < 50; i++) times.push(await timeOf(world));
  assert.ok(times.every((ms) => ms >= 80 && ms <= 120));
  assert.ok(Math.max(...times) - Math.min(...times) > 10);
  world.way.heal();
  assert.equal(await timeOf(world), 0);
});

test("healed, what comes behind something late is not late", async (t) => {
  const world = await startWorld(t);
  await timeOf(world);
  world.way.latency(60_000);
  const late = world.client.say({ value: bytes(1) });
  await world.time.run(Promise.resolve());
  world.way.heal();
  assert.equal(await timeOf(world), 0);
  await world.time.run(late);
});

test("loss: nothing is missing, and what was lost comes later", async (t) => {
  const world = await startWorld(t);
  await timeOf(world);
  world.way.loss(0.1);
  const times: number[] = [];
  for (let i = 0; i < 100; i++) times.push(await timeOf(world));
  const hit = times.filter((ms) => ms > 0);
  assert.ok(hit.length >= 8 && hit.length <= 35, `${hit.length} of 100 calls met a loss`);
  assert.ok(hit.every((ms) => ms % 200 === 0));
  assert.ok((await timeOf(world, 1_000_000)) >= 200, "of 700 segments one is lost");
});

test("slow reader: a message takes as long as it is large, and small ones pass behind it", async (t) => {
  const world = await startWorld(t);
  await timeOf(world);
  world.way.answers.slowReader(100_000);
  const tookMs = await timeOf(world, 200_000);
  assert.ok(tookMs > 1900 && tookMs < 2300, `${tookMs} ms`);
});

test("black hole: calls end by their deadline, and what is healed goes on where it stopped", async (t) => {
  const world = await startWorld(t, { keepaliveMs: Number.POSITIVE_INFINITY });
  await timeOf(world);
  world.way.blackHole();
  const late = world.client.say({}, { timeoutMs: 500 });
  await world.time.run(assert.rejects(late, { code: Code.DeadlineExceeded }));
  const waiting = world.client.say({});
  world.time.after(3000, () => world.way.heal());
  const began = world.time.now();
  await world.time.run(waiting);
  assert.equal(world.time.now() - began, 3000);
});

test("one-way partition: requests arrive, answers don't", async (t) => {
  const world = await startWorld(t);
  await timeOf(world);
  const before = world.faults.instance("a").calls;
  world.way.answers.blackHole();
  const call = world.client.say({}, { timeoutMs: 500 });
  await world.time.run(assert.rejects(call, { code: Code.DeadlineExceeded }));
  assert.equal(world.faults.instance("a").calls, before + 1);
});

test("a way that is a black hole lets no new connection through either", async (t) => {
  const world = await startWorld(t, { waitForReadyMs: 1000 });
  world.way.requests.blackHole();
  const failed = await world.time.run(world.client.say({}).catch((error: unknown) => error));
  assert.ok(isHeddleError(failed) && failed.reason === "noneReady");
  world.way.heal();
  await timeOf(world);
});

test("reset: calls that were sent are lost, and the next connection works", async (t) => {
  const world = await startWorld(t);
  world.faults.instance("a").hang();
  const call = world.client.say({});
  world.time.after(10, () => {
    world.faults.instance("a").heal();
    world.way.reset();
  });
  const failed = await world.time.run(call.catch((error: unknown) => error));
  assert.ok(isHeddleError(failed) && failed.reason === "connectionLost");
  assert.match(failed.message, /ECONNRESET/);
  await timeOf(world);
});

test("refuse: there is nobody, until there is", async (t) => {
  const world = await startWorld(t, { waitForReadyMs: 100 });
  await timeOf(world);
  world.way.refuse();
  const failed = await world.time.run(world.client.put({}).catch((error: unknown) => error));
  assert.ok(isHeddleError(failed) && failed.reason === "noneReady");
  world.way.heal();
  await timeOf(world);
});

test("half-dead: the connection that stands stays dead whatever is healed, a new one works", async (t) => {
  const world = await startWorld(t, { keepaliveMs: 100, keepaliveTimeoutMs: 100 });
  await timeOf(world);
  world.way.halfDead();
  const call = world.client.say({});
  world.way.heal();
  const failed = await world.time.run(call.catch((error: unknown) => error));
  assert.ok(isHeddleError(failed) && failed.reason === "connectionLost");
  await timeOf(world);
});

test("partition: the ways between two groups, and no others", async (t) => {
  const world = await startWorld(t, { instances: ["a", "b", "c"] });
  await timeOf(world);
  world.faults.partition(["web"], ["memory:a", "memory:b"]);
  const before = ["a", "b", "c"].map((name) => world.faults.instance(name).calls);
  const calls = Array.from({ length: 12 }, () => world.client.put({}, { timeoutMs: 300 }).catch(() => {}));
  await world.time.run(Promise.all(calls));
  const after = ["a", "b", "c"].map((name) => world.faults.instance(name).calls);
  assert.deepEqual(after.slice(0, 2), before.slice(0, 2));
  assert.ok((after[2] as number) > (before[2] as number));
  world.faults.heal();
});

test("instances: a share of errors, failing fast, slow, hanging", async (t) => {
  const world = await startWorld(t);
  const instance = world.faults.instance("a");
  instance.errorRate(0.3);
  let failed = 0;
  for (let i = 0; i < 200; i++)
    await world.time.run(
      world.client.say({}).catch((error: unknown) => {
        assert.ok((error as { code: Code }).code === Code.Internal);
        failed++;
      }),
    );
  assert.ok(failed > 40 && failed < 80, `${failed} of 200`);
  instance.fastFailing();
  await world.time.run(assert.rejects(world.client.say({}), { code: Code.Unavailable }));
  instance.heal().latency(70);
  assert.equal(await timeOf(world), 70);
  instance.heal().hang();
  await world.time.run(
    assert.rejects(world.client.say({}, { timeoutMs: 50 }), { code: Code.DeadlineExceeded }),
  );
  instance.heal();
  assert.equal(await timeOf(world), 0);
});

/** A run with all kinds of trouble; what it was, and what its calls say of themselves. */
async function play(t: TestContext, seed: number): Promise<string> {
  const instances = ["a", "b", "c"];
  const world = await startWorld(t, { seed, instances, keepaliveMs: 200, keepaliveTimeoutMs: 200 });
  const { time, faults, client } = world;
  faults.between("web", "memory:a").latency(20, { jitterMs: 15 }).loss(0.05);
  faults.between("web", "memory:b").latency(5, { jitterMs: 5 });
  faults.instance("b").errorRate(0.2, { code: Code.Unavailable });
  faults.instance("c").latency(10, { jitterMs: 9 });
  time.after(300, () => faults.between("web", "memory:a").blackHole());
  time.after(900, () => faults.between("web", "memory:b").reset());
  time.after(1500, () => faults.between("web", "memory:a").heal());
  // In virtual time a call may take none: without a pause such a loop would never end.
  const worker = async () => {
    for (; time.now() < 2000; await new Promise<void>((resolve) => void time.after(5, resolve)))
      await client.put({ value: bytes(100) }, { timeoutMs: 1000 }).catch(() => {});
  };
  await time.run(Promise.all([worker(), worker(), worker(), worker()]));
  assert.ok(world.records.length > 100);
  await world.close();
  return `${world.digest()}\n${JSON.stringify(world.records)}`;
}

test("a run replays from its seed, byte for byte and record for record", async (t) => {
  const first = await play(t, 7);
  assert.equal(await play(t, 7), first);
  assert.notEqual(await play(t, 8), first);
});

test("what makes no sense is refused", () => {
  const faults = createFaults();
  const way = faults.between("web", "memory:nobody");
  for (const say of [
    () => way.latency(-1),
    () => way.latency(1, { jitterMs: Number.NaN }),
    () => way.loss(1.1),
    () => way.slowReader(-1),
    () => faults.instance("a").errorRate(2),
    () => faults.between("web", "nowhere"),
    () => faults.clock().stall(-1),
    () => faults.clock().jumpWall(Number.NaN),
  ])
    assert.throws(say, { reason: "optionInvalid" });
});
