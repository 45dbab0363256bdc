import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { openConnection } from "./connection.ts";
import { createFakeWorld, HOSTS, settled } from "./fake-ensemble.test.ts";
import { create, exists, getData, PERMISSION, remove, replace, setData } from "./protocol.ts";
import { isZookeeperError, ZookeeperConnectionError } from "./zookeeper-error.ts";

const never = new AbortController().signal;
const ACL = [{ permissions: PERMISSION.all, scheme: "world", id: "anyone" }];

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => assert.fail("it succeeded"),
    (error: Error) => error,
  );
}

suite("a connection", () => {
  test("pings each third of the timeout, and gives up a silent server after two thirds", async () => {
    const { fake, session, pass, time } = createFakeWorld();
    const { connection } = await session.attach(never);
    await pass(6_000);
    assert.ok(fake.pings >= 2 && fake.pings <= 4, `${fake.pings} pings`);
    fake.frozen.add("a:1");
    const heardAtMs = connection.heardAtMs;
    const asked = failureOf(connection.request(exists("/a", false)));
    let endedAtMs = 0;
    connection.ended.addEventListener("abort", () => {
      endedAtMs = time.now();
    });
    await pass(6_000);
    const silentMs = endedAtMs - heardAtMs;
    assert.ok(silentMs >= 4_000 && silentMs <= 5_100, `given up after ${silentMs} ms`);
    assert.match((await asked).message, /silent/);
    await session[Symbol.asyncDispose]();
  });

  test("gives up a server that answers pings and not what it was asked", async () => {
    const { fake, session, pass } = createFakeWorld();
    const { connection } = await session.attach(never);
    fake.mute.add("exists");
    const asked = failureOf(connection.request(exists("/a", false)));
    await pass(8_000);
    assert.match((await asked).message, /did not answer exists \/a within 6000 ms/);
    await session[Symbol.asyncDispose]();
  });

  test("ends with an error of its own when the server speaks nonsense, and fails what was asked", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 4, maxLength: 60 }), async (bytes) => {
        const { fake, session, pass } = createFakeWorld();
        const { connection } = await session.attach(never);
        const packet = Buffer.alloc(bytes.length + 4);
        packet.writeInt32BE(bytes.length);
        packet.set(bytes, 4);
        fake.babble(packet);
        await settled();
        if (connection.ended.aborted) assert.ok(connection.ended.reason instanceof ZookeeperConnectionError);
        await pass(0);
        await session[Symbol.asyncDispose]();
      }),
      { numRuns: 50 },
    );
    const { fake, session } = createFakeWorld();
    const { connection } = await session.attach(never);
    fake.babble(Buffer.from("7fffffff", "hex"));
    await settled();
    assert.match(connection.ended.reason.message, /a packet of 2147483647 bytes/);
    await session[Symbol.asyncDispose]();
  });

  test("hears of a path and of its children, however long a path a server makes up", async () => {
    const { fake, session } = createFakeWorld();
    const { connection } = await session.attach(never);
    const heard: string[] = [];
    connection.onEvent("/a", ({ path }) => heard.push(path));
    connection.onEvent("", ({ path }) => heard.push(`root ${path}`));
    for (const path of ["/a", "/a/b", "/a/b/c", "/", "/x", "nonsense", "/".repeat(3_000_000)]) {
      const text = Buffer.from(path);
      const packet = Buffer.alloc(32 + text.length);
      packet.writeInt32BE(28 + text.length);
      packet.writeInt32BE(-1, 4);
      packet.writeBigInt64BE(-1n, 8);
      packet.writeInt32BE(3, 20);
      packet.writeInt32BE(3, 24);
      packet.writeInt32BE(text.length, 28);
      packet.set(text, 32);
      fake.babble(packet);
    }
    await settled();
    assert.deepEqual(heard, ["/a", "root /a", "/a/b", "root /", "root /x"]);
    assert.equal(connection.ended.aborted, false);
    await session[Symbol.asyncDispose]();
  });

  test("answers are told apart: no node, another version, there already", async () => {
    const { fake, session } = createFakeWorld();
    const { connection } = await session.attach(never);
    assert.ok(isZookeeperError(await failureOf(connection.request(getData("/a", false))), "NoNode"));
    assert.equal(await connection.request(create("/a", Buffer.from("1"), ACL, "persistent")), "/a");
    const there = await failureOf(connection.request(create("/a", Buffer.from("2"), ACL, "persistent")));
    assert.ok(isZookeeperError(there, "NodeExists"), there.message);
    assert.ok(isZookeeperError(await failureOf(connection.request(remove("/a", 7))), "BadVersion"));
    assert.equal((await connection.request(setData("/a", Buffer.from("3"), 0))).version, 1);

    const change = replace(
      { path: "/a", version: 1 },
      { path: "/a", data: Buffer.from("4"), mode: "ephemeral" },
      ACL,
    );
    assert.equal(await connection.request(change), "/a");
    assert.equal(fake.nodes.get("/a")?.owner, connection.sessionId);
    assert.ok(isZookeeperError(await failureOf(connection.request(change)), "BadVersion"));
    assert.equal(String(fake.nodes.get("/a")?.data), "4", "both or neither");
    await session[Symbol.asyncDispose]();
  });

  test("an answer that belongs to no request ends it", async () => {
    const { fake, session } = createFakeWorld();
    const { connection } = await session.attach(never);
    const reply = Buffer.alloc(20);
    reply.writeInt32BE(16);
    reply.writeInt32BE(99, 4);
    fake.babble(reply);
    await settled();
    assert.match(connection.ended.reason.message, /out of turn/);
    await session[Symbol.asyncDispose]();
  });

  test("is not opened for a signal that has aborted", async () => {
    const { fake, time } = createFakeWorld();
    const opening = openConnection({
      host: "a:1",
      dial: fake.dial,
      clock: time,
      timers: time,
      connectTimeoutMs: 1_000,
      greeting: { lastZxid: 0n, timeoutMs: 6_000, sessionId: 0n, password: new Uint8Array(16) },
      auth: undefined,
      onZxid: () => {},
      signal: AbortSignal.abort(),
    });
    await assert.rejects(opening, ZookeeperConnectionError);
    assert.deepEqual(fake.greetings, []);
  });
});

suite("a session", () => {
  test("outlives its connections: the same id at the next server, and the lease goes on", async () => {
    const { fake, session, pass } = createFakeWorld(HOSTS);
    const first = await session.attach(never);
    fake.hangUp();
    await pass(1_000);
    const second = await session.attach(never);
    assert.notEqual(second.connection, first.connection);
    assert.notEqual(second.connection.host, first.connection.host);
    assert.equal(second.connection.sessionId, first.connection.sessionId);
    assert.equal(second.lease, first.lease);
    assert.equal(first.lease.aborted, false);
    assert.equal(fake.sessions.size, 1);
    await session[Symbol.asyncDispose]();
  });

  test("is moved within its time when its server freezes", async () => {
    const { fake, session, pass } = createFakeWorld(HOSTS);
    const first = await session.attach(never);
    fake.frozen.add(first.connection.host);
    await pass(12_000);
    const second = await session.attach(never);
    assert.equal(second.lease, first.lease);
    assert.equal(first.lease.aborted, false);
    await session[Symbol.asyncDispose]();
  });

  test("that the ensemble has ended is replaced, and the lease with it", async () => {
    const { fake, session, pass } = createFakeWorld();
    const first = await session.attach(never);
    fake.expire(first.connection.sessionId);
    await pass(1_000);
    const second = await session.attach(never);
    assert.ok(first.lease.aborted);
    assert.match(first.lease.reason.message, /had ended/);
    assert.notEqual(second.connection.sessionId, first.connection.sessionId);
    assert.equal(second.lease.aborted, false);
    assert.equal(fake.greetings.at(-1)?.sessionId, 0n);
    await session[Symbol.asyncDispose]();
  });

  test("that no server was heard of for its time counts as gone, and is offered again", async () => {
    const { fake, session, pass, time } = createFakeWorld();
    const first = await session.attach(never);
    let lostAtMs = 0;
    first.lease.addEventListener("abort", () => {
      lostAtMs = time.now();
    });
    const heardAtMs = first.connection.heardAtMs;
    fake.frozen.add("a:1");
    await pass(7_000);
    // The ensemble did not count meanwhile, as one that was down as a whole.
    for (const known of fake.sessions.values()) known.heardAtMs = time.now() + 6_000;
    assert.ok(lostAtMs >= heardAtMs + 6_000 && lostAtMs <= heardAtMs + 6_100, `lost at ${lostAtMs}`);
    fake.frozen.clear();
    await pass(6_000);
    const second = await session.attach(never);
    assert.notEqual(second.lease, first.lease);
    const offered = fake.greetings.at(-1);
    assert.equal(offered?.sessionId, first.connection.sessionId);
    assert.equal(offered?.lastZxid, 0n);
    assert.equal(second.connection.sessionId, first.connection.sessionId, "it was there still");
    await session[Symbol.asyncDispose]();
  });

  test("follows an ensemble that was emptied: after its own time it no longer insists on what it has seen", async () => {
    const { fake, session, pass } = createFakeWorld();
    fake.write("/a/b", "x");
    const { connection, lease } = await session.attach(never);
    await connection.request(exists("/a/b", false));
    fake.forget();
    await pass(5_000);
    assert.equal(lease.aborted, false);
    assert.ok(fake.greetings.length > 2 && fake.greetings.slice(1).every(({ lastZxid }) => lastZxid > 0n));
    await pass(6_000);
    const next = await session.attach(never);
    assert.ok(lease.aborted);
    assert.ok(fake.sessions.has(next.connection.sessionId));
    await session[Symbol.asyncDispose]();
  });

  test("says why when no host can be had, and goes on trying", async () => {
    const { fake, session, pass } = createFakeWorld(HOSTS);
    for (const host of HOSTS) fake.down.add(host);
    const failed = failureOf(session.attach(never));
    await pass(500);
    assert.match((await failed).message, /ECONNREFUSED/);
    fake.down.clear();
    const attached = session.attach(never);
    await pass(3_000);
    assert.ok((await attached).connection.sessionId > 0n);
    await session[Symbol.asyncDispose]();
  });

  test("waits no longer than its caller", async () => {
    const { fake, session, pass } = createFakeWorld();
    fake.frozen.add("a:1");
    const controller = new AbortController();
    const attaching = failureOf(session.attach(controller.signal));
    await pass(100);
    controller.abort(new Error("enough"));
    assert.equal((await attaching).message, "enough");
    await session[Symbol.asyncDispose]();
  });

  test("gives its nodes up when it is closed, and makes no other", async () => {
    const { fake, session } = createFakeWorld();
    const { connection, lease } = await session.attach(never);
    await connection.request(create("/a", Buffer.alloc(0), ACL, "ephemeral"));
    await session[Symbol.asyncDispose]();
    assert.equal(fake.nodes.has("/a"), false);
    assert.ok(lease.aborted);
    await assert.rejects(session.attach(never), /closed/);
    assert.equal(fake.greetings.length, 1);
  });

  test("closes within half a second though nobody answers", async () => {
    const { fake, session, pass } = createFakeWorld();
    await session.attach(never);
    fake.frozen.add("a:1");
    let closed = false;
    const closing = session[Symbol.asyncDispose]().then(() => {
      closed = true;
    });
    await pass(600);
    assert.ok(closed);
    await closing;
  });
});
