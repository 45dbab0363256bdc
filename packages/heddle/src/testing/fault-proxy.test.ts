/** The words on real sockets, below anything of Heddle's: what a socket sees. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createFaultProxy, createFaults, freezeProcess } from "./index.ts";

/** A server that sends everything back, with a proxy before it. */
async function startEcho(t: TestContext) {
  const sockets = new Set<Socket>();
  let received = 0;
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk) => {
      received += chunk.length;
      socket.write(chunk);
    });
    socket.on("end", () => socket.end());
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const target = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const proxy = await createFaultProxy({ target, maxConnections: 4 });
  t.after(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return { proxy, sockets, received: () => received };
}

async function connectTo(t: TestContext, address: string): Promise<Socket> {
  const socket = connect({ port: Number(address.split(":")[1]), host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** A new connection ends with a reset, before or after the connecting side has heard that it is there. */
async function isReset(t: TestContext, address: string): Promise<void> {
  const connection = connectTo(t, address).then((socket) => once(socket, "data"));
  await assert.rejects(connection, { code: "ECONNRESET" });
}

/** Writes, and resolves when as much has come back. */
async function roundTrip(socket: Socket, length = 1): Promise<number> {
  const began = performance.now();
  socket.write(Buffer.alloc(length));
  for (let back = 0; back < length; ) back += ((await once(socket, "data")) as [Buffer])[0].length;
  return performance.now() - began;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test("it passes on what it gets, both ends included, and then holds nothing", async (t) => {
  const { proxy, sockets } = await startEcho(t);
  const socket = await connectTo(t, proxy.address);
  await roundTrip(socket, 3_000_000);
  assert.equal(proxy.connections, 1);
  socket.end();
  await once(socket, "close");
  await until(() => proxy.connections === 0 && sockets.size === 0);
});

test("latency, slow reader and black hole are felt by a socket, and heal", async (t) => {
  const { proxy } = await startEcho(t);
  const socket = await connectTo(t, proxy.address);
  proxy.latency(30);
  const slowMs = await roundTrip(socket);
  assert.ok(slowMs >= 58, `${slowMs} ms`);
  proxy.heal().requests.slowReader(1_000_000);
  const readMs = await roundTrip(socket, 100_000);
  assert.ok(readMs >= 75, `${readMs} ms`);
  proxy.heal().answers.blackHole();
  let healed = false;
  const back = roundTrip(socket).then(() => assert.ok(healed));
  const other = await connectTo(t, proxy.address);
  const otherBack = roundTrip(other).then(() => assert.ok(healed));
  await new Promise((resolve) => setImmediate(resolve));
  healed = true;
  proxy.heal();
  await Promise.all([back, otherBack]);
});

test("a writer feels that nobody reads, and the proxy holds little", async (t) => {
  const { proxy, received } = await startEcho(t);
  const socket = await connectTo(t, proxy.address);
  await roundTrip(socket);
  proxy.requests.slowReader(0);
  let flushed = 0;
  const chunk = Buffer.alloc(1024 * 1024);
  for (let i = 0; i < 64; i++) socket.write(chunk, () => flushed++);
  socket.resume();
  let seen = -1;
  await until(() => {
    const still = seen === flushed;
    seen = flushed;
    return still && flushed > 0;
  });
  assert.ok(flushed < 32, `${flushed} MiB went into a reader that does not read`);
  assert.equal(received(), 1);
  proxy.heal();
  await until(() => received() === 1 + 64 * 1024 * 1024);
});

test("reset is a reset, refuse refuses new ones as well, and too many connections are reset", async (t) => {
  const { proxy, sockets } = await startEcho(t);
  const first = await connectTo(t, proxy.address);
  await roundTrip(first);
  proxy.reset();
  await assert.rejects(once(first, "data"), { code: "ECONNRESET" });
  await until(() => sockets.size === 0);
  const second = await connectTo(t, proxy.address);
  await roundTrip(second);
  proxy.refuse();
  await assert.rejects(once(second, "data"), { code: "ECONNRESET" });
  await isReset(t, proxy.address);
  proxy.heal();
  for (let i = 0; i < 4; i++) await roundTrip(await connectTo(t, proxy.address));
  await isReset(t, proxy.address);
});

test("half-dead: no byte and no end passes on the connection that stands, whatever is healed", async (t) => {
  const { proxy, sockets, received } = await startEcho(t);
  const dead = await connectTo(t, proxy.address);
  await roundTrip(dead);
  proxy.halfDead().heal();
  dead.write("x");
  dead.end();
  const fresh = await connectTo(t, proxy.address);
  await roundTrip(fresh);
  assert.equal(received(), 2);
  assert.equal(sockets.size, 2);
});

test("closing ends everything, twice harmlessly, and nothing keeps the process up", async (t) => {
  const { proxy, sockets } = await startEcho(t);
  const socket = await connectTo(t, proxy.address);
  await roundTrip(socket);
  proxy.latency(60_000);
  socket.write("x");
  await Promise.all([proxy.close(), proxy.close()]);
  assert.equal(proxy.connections, 0);
  await until(() => sockets.size === 0);
  await assert.rejects(connectTo(t, proxy.address), { code: "ECONNREFUSED" });
});

test("a target that is not there costs the caller its connection", async (t) => {
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const target = `127.0.0.1:${(gone.address() as AddressInfo).port}`;
  await new Promise((resolve) => gone.close(resolve));
  await using proxy = await createFaultProxy({ target });
  await isReset(t, proxy.address);
});

test("a frozen process answers nothing until it is thawed; healing thaws it", async (t) => {
  const program = `process.stdin.on("data", (chunk) => process.stdout.write(chunk)); process.stdout.write("up")`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await using faults = createFaults();
  faults.freeze(child);
  let answered = false;
  const answer = once(child.stdout, "data").then(() => (answered = true));
  child.stdin.write("x");
  const other = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  await once(other, "exit");
  assert.ok(!answered, "another process has started and ended meanwhile");
  faults.heal();
  await answer;
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.throws(() => freezeProcess(child), { reason: "optionInvalid" });
});
