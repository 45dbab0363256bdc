import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import {
  InstanceSchema,
  type RegisterRequestSchema,
  RegistryService,
  type WatchResponse,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createRegistry, type RegistryOptions } from "./registry.ts";
import { createRegistryService } from "./registry-service.ts";

function createWorld(options: Partial<RegistryOptions> = {}) {
  const time = createVirtualTime();
  const registry = createRegistry({ epoch: "e1", startedAtMs: time.now(), warmUpMs: 0, ...options });
  const host = createRegistryService({ registry, clock: time, timers: time });
  const transport = createRouterTransport((router) => router.service(RegistryService, host.implementation));
  const pass = async (ms: number) => {
    for (const untilMs = time.now() + ms; ; time.advance(Math.min(100, untilMs - time.now()))) {
      for (let n = 0; n < 4; n++) await macrotask();
      if (time.now() >= untilMs) return;
    }
  };
  return { time, registry, host, pass, client: createClient(RegistryService, transport) };
}

type Request = MessageInitShape<typeof RegisterRequestSchema>;

const asInstance = (id: string, fields: MessageInitShape<typeof InstanceSchema> = {}): Request => ({
  message: { case: "instance", value: { id, service: "orders", address: "127.0.0.1:1", ...fields } },
});
const heartbeat = (sequence: bigint): Request => ({ message: { case: "heartbeat", value: { sequence } } });

/** Sends what is given and then leaves the stream open. */
async function* openEnded(...requests: Request[]): AsyncGenerator<Request> {
  yield* requests;
  await new Promise(() => {});
}

async function* closed(...requests: Request[]): AsyncGenerator<Request> {
  yield* requests;
}

async function readToEnd(stream: AsyncIterator<unknown>): Promise<void> {
  for (let result = await stream.next(); !result.done; result = await stream.next());
}

const failsWith = (code: Code, text: RegExp) => (error: unknown) =>
  error instanceof ConnectError && error.code === code && text.test(error.rawMessage);

test("an instance is answered by a lease, a heartbeat by an ack, in order", async () => {
  using world = {
    ...createWorld({ disconnectGraceMs: 200 }),
    [Symbol.dispose]: () => world.host[Symbol.dispose](),
  };
  const answers: unknown[] = [];
  for await (const { message } of world.client.register(
    closed(asInstance("a"), heartbeat(7n), asInstance("a", { draining: true }), heartbeat(8n)),
    { timeoutMs: 0 },
  )) {
    const { $typeName: _, ...value } = message.value ?? { $typeName: "" };
    answers.push({ [message.case ?? ""]: value });
  }
  assert.deepEqual(answers, [
    { lease: { ttlMs: 10_000, revision: 1n, epoch: "e1" } },
    { ack: { sequence: 7n, revision: 1n } },
    { lease: { ttlMs: 10_000, revision: 2n, epoch: "e1" } },
    { ack: { sequence: 8n, revision: 2n } },
  ]);
  assert.equal((await world.client.listInstances({})).instances.length, 1);
  await world.pass(200);
  assert.equal(
    (await world.client.listInstances({})).instances.length,
    0,
    "the stream ended: the grace is over",
  );
});

test("streams that don't begin with a good instance are refused with the reason", async () => {
  using world = { ...createWorld(), [Symbol.dispose]: () => world.host[Symbol.dispose]() };
  const cases: [Request[], RegExp][] = [
    [[heartbeat(1n)], /first message must be the instance/],
    [[{}], /first message must be the instance/],
    [[asInstance("")], /id: must not be empty/],
    [[asInstance("a"), {}], /the message is empty/],
    [[asInstance("a"), asInstance("b")], /can't change its instance's id/],
  ];
  for (const [requests, text] of cases) {
    await assert.rejects(
      async () => {
        for await (const answer of world.client.register(openEnded(...requests), { timeoutMs: 0 }))
          assert.ok(answer);
      },
      failsWith(Code.InvalidArgument, text),
    );
  }
});

test("a stream whose instance turns up at another control plane ends at once", async () => {
  using world = { ...createWorld(), [Symbol.dispose]: () => world.host[Symbol.dispose]() };
  const stream = world.client.register(openEnded(asInstance("a")), { timeoutMs: 0 })[Symbol.asyncIterator]();
  await stream.next();
  const there = create(InstanceSchema, { id: "a", service: "orders", address: "127.0.0.1:1" });
  assert.ok(world.registry.enter(there, "peer"));
  await assert.rejects(stream.next(), failsWith(Code.Aborted, /another control plane/));
  await world.pass(5_000);
  assert.equal(world.registry.find("a")?.heldBy, "peer", "it has no grace here");
});

test("a watcher gets a snapshot, deltas at once, and keepalives when nothing happens", async () => {
  using world = { ...createWorld(), [Symbol.dispose]: () => world.host[Symbol.dispose]() };
  const controller = new AbortController();
  const received: WatchResponse["event"][] = [];
  const watching = (async () => {
    for await (const { event } of world.client.watch(
      { name: "orders" },
      { signal: controller.signal, timeoutMs: 0 },
    )) {
      received.push(event);
    }
  })().catch((error: unknown) => error);
  const take = () => received.splice(0).map((event) => event.case);
  await world.pass(0);
  const [first] = received;
  assert.ok(first?.case === "snapshot" && first.value.complete && first.value.keepaliveIntervalMs === 2_000);
  assert.deepEqual(take(), ["snapshot"]);
  await world.pass(1_000);
  const registering = world.client
    .register(openEnded(asInstance("a")), { timeoutMs: 0 })
    [Symbol.asyncIterator]();
  await registering.next();
  await world.pass(0);
  assert.deepEqual(take(), ["delta"]);
  await world.pass(4_100);
  assert.deepEqual(received.at(-1)?.value, received.at(0)?.value);
  assert.deepEqual(take(), ["keepalive", "keepalive"]);
  assert.deepEqual((await world.client.deregister({ id: "a" })).removed, true);
  assert.deepEqual((await world.client.deregister({ id: "a" })).removed, false);
  await world.pass(0);
  assert.deepEqual(take(), ["delta"]);
  controller.abort();
  assert.ok(failsWith(Code.Canceled, /./)(await watching));
  await registering.return?.();
  await world.pass(0);
  assert.equal(world.time.pending, 1, "only the service's own timer is left");
});

test("a watcher that doesn't read is cut off with ABORTED once it reads again", async () => {
  using world = {
    ...createWorld({ limits: { maxPendingChanges: 5 } }),
    [Symbol.dispose]: () => world.host[Symbol.dispose](),
  };
  const reader = world.client.watch({}, { timeoutMs: 0 })[Symbol.asyncIterator]();
  assert.equal((await reader.next()).value?.event.case, "snapshot");
  const streams = [];
  for (let n = 0; n < 50; n++) {
    const stream = world.client
      .register(openEnded(asInstance(`i${n}`)), { timeoutMs: 0 })
      [Symbol.asyncIterator]();
    streams.push(stream);
    await stream.next();
  }
  await assert.rejects(
    async () => {
      for (let n = 0; n < 50; n++) await reader.next();
    },
    failsWith(Code.Aborted, /too slow/),
  );
  for (const stream of streams) await stream.return?.();
});

test("disposing ends every stream with UNAVAILABLE and stops the clock", async () => {
  const world = createWorld();
  const watching = world.client.watch({}, { timeoutMs: 0 })[Symbol.asyncIterator]();
  await watching.next();
  const registering = world.client
    .register(openEnded(asInstance("a")), { timeoutMs: 0 })
    [Symbol.asyncIterator]();
  await registering.next();
  const ends = [watching, registering].map((stream) =>
    assert.rejects(() => readToEnd(stream), failsWith(Code.Unavailable, /stopping/)),
  );
  world.host[Symbol.dispose]();
  await Promise.all(ends);
  await world.pass(0);
  assert.equal(world.time.pending, 0);
});
