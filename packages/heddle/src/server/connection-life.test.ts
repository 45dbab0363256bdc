/** How long the connections of a server last, in virtual time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { isHeddleError } from "../call/errors.ts";
import { connectScriptedClient, type ScriptedStream } from "../connection/scripted-peer.test.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { createSeededRandom } from "../runtime/random.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { createVirtualTime } from "../runtime/virtual-time.ts";
import type { ServerConnectionOptions } from "./connection-options.ts";
import { implement } from "./implement.ts";
import { createServer, type Server } from "./server.ts";

let names = 0;

async function createWorld(options: ServerConnectionOptions) {
  const time = createVirtualTime();
  const aborted: unknown[] = [];
  const server = await createServer({
    ...options,
    listen: `memory:connection-life-${names++}`,
    runtime: createRuntime({ clock: time, timers: time, random: createSeededRandom(3) }),
    services: [
      implement(Echo, {
        // Runs until its caller is gone.
        say: (_request, context) =>
          new Promise((_resolve, reject) => {
            context.signal.addEventListener("abort", () => {
              aborted.push(context.signal.reason);
              reject(context.signal.reason as Error);
            });
          }),
      }),
    ],
  });
  const client = connectScriptedClient(server.address);
  await settle();
  return {
    time,
    server,
    client,
    aborted,
    /** A call that only its caller can end. */
    call(): ScriptedStream {
      const fields = `:method POST :scheme http :path /${Echo.typeName}/Say te trailers content-type application/grpc`;
      const stream = client.open(fields.split(" "));
      stream.sendBytes(new Uint8Array(5), true);
      return stream;
    },
    async pass(ms: number): Promise<void> {
      for (const untilMs = time.now() + ms; time.now() < untilMs; ) {
        time.advance(Math.min(500, untilMs - time.now()));
        await settle();
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      client.cut();
      await settle();
      await closeNow(server);
    },
  };
}

async function closeNow(server: Server): Promise<void> {
  await server.close({ drainMs: 0 });
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await macrotask();
}

describe("a client that is silent", () => {
  it("is asked after keepaliveMs, and given up when it does not answer: its calls are cut", async () => {
    await using world = await createWorld({ keepaliveMs: 30_000, keepaliveTimeoutMs: 5000 });
    world.call();
    await world.pass(100);
    world.client.hang();
    await world.pass(34_000);
    assert.equal(world.server.connections, 1);
    await world.pass(2000);
    assert.equal(world.server.connections, 0);
    const [reason] = world.aborted;
    assert.ok(isHeddleError(reason) && reason.reason === "cancelled");
    assert.match(reason.rawMessage, /silent and has not answered a PING within 5000 ms/);
  });

  it("stays connected when it answers, with a call or without", async () => {
    await using world = await createWorld({ keepaliveMs: 30_000, keepaliveTimeoutMs: 5000 });
    await world.pass(200_000);
    assert.equal(world.client.pings, 6);
    world.call();
    await world.pass(200_000);
    assert.deepEqual([world.server.connections, world.aborted.length], [1, 0]);
  });

  it("is left alone with keepaliveMs of Infinity", async () => {
    await using world = await createWorld({ keepaliveMs: Number.POSITIVE_INFINITY });
    await world.pass(200_000);
    assert.equal(world.client.pings, 0);
  });
});

describe("a connection without calls", () => {
  it("ends after maxConnectionIdleMs, with a GOAWAY that says that nothing went wrong", async () => {
    await using world = await createWorld({ maxConnectionIdleMs: 60_000 });
    const call = world.call();
    await world.pass(100_000);
    assert.equal(world.client.goaway, undefined);
    call.reset(8);
    await world.pass(59_000);
    assert.equal(world.client.goaway, undefined);
    await world.pass(62_000);
    assert.equal(world.client.goaway, 0);
    assert.equal(world.server.connections, 0);
  });
});

describe("an old connection", () => {
  it("is ended gracefully: the client is told, its calls finish", async () => {
    await using world = await createWorld({ maxConnectionAgeMs: 60_000 });
    await world.pass(53_000);
    assert.equal(world.client.goaway, undefined, "no earlier than a tenth before its time");
    const call = world.call();
    await world.pass(14_000);
    assert.equal(world.client.goaway, 0);
    await world.pass(600_000);
    assert.deepEqual([world.server.connections, world.aborted.length], [1, 0]);
    call.reset(8);
    await settle();
    assert.equal(world.server.connections, 0);
  });

  it("is cut when its calls go on beyond the grace time", async () => {
    await using world = await createWorld({ maxConnectionAgeMs: 60_000, maxConnectionAgeGraceMs: 10_000 });
    world.call();
    await world.pass(63_000);
    assert.equal(world.aborted.length, 0);
    await world.pass(14_000);
    assert.equal(world.aborted.length, 1);
    assert.equal(world.server.connections, 0);
  });

  it("does not end together with those that began with it", async () => {
    await using world = await createWorld({ maxConnectionAgeMs: 60_000 });
    const others = Array.from({ length: 20 }, () => connectScriptedClient(world.server.address));
    const endedAtMs = new Set<number>();
    const told = new Set<number>();
    for (let half = 0; half < 134; half++) {
      await world.pass(500);
      others.forEach((other, i) => {
        if (other.goaway === undefined || told.has(i)) return;
        told.add(i);
        endedAtMs.add(world.time.now());
      });
    }
    assert.equal(told.size, 20);
    assert.ok(endedAtMs.size >= 8, `${endedAtMs.size} different times`);
    for (const other of others) other.cut();
  });
});

it("what makes no sense is refused", async () => {
  for (const options of [
    { keepaliveMs: 0 },
    { keepaliveTimeoutMs: Infinity },
    { maxConnectionAgeGraceMs: -1 },
  ])
    await assert.rejects(createServer({ services: [], ...options }), (error) => {
      return isHeddleError(error) && error.reason === "optionInvalid";
    });
});
