import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { systemTimers } from "../runtime/timer.ts";
import { ConnectFirst, type Lookup } from "./happy-eyeballs.ts";

const known =
  (...addresses: string[]): Lookup =>
  (_host, done) =>
    setImmediate(() => done(null, addresses.map(toAddress)));

const toAddress = (address: string): LookupAddress => ({ address, family: address.includes(":") ? 6 : 4 });

async function listen(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/**
 * An address that swallows packets: a listener whose thread stands still, with a full queue. `wake` lets it go on, as if
 * packets had been lost on their way.
 */
async function listenDeaf(t: TestContext, port: number, address: string) {
  const lock = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { parentPort, workerData: { port, address, lock } } = require("node:worker_threads");
     const server = require("node:net").createServer((socket) => socket.on("error", () => {}));
     server.listen({ port, host: address, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setTimeout(() => Atomics.wait(lock, 0, 0), 10);
     });`,
    { eval: true, workerData: { port, address, lock } },
  );
  const wake = () => {
    Atomics.store(lock, 0, 1);
    Atomics.notify(lock, 0);
  };
  const [actual] = (await once(worker, "message")) as [number];
  const queued: Socket[] = [];
  t.after(async () => {
    wake();
    for (const socket of queued) socket.destroy();
    await worker.terminate();
  });
  // The thread must stand still before its queue fills; then further attempts are not answered.
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (let answered = true; answered; ) {
    const socket = connect(actual, address);
    socket.on("error", () => {});
    queued.push(socket);
    answered = await Promise.race([
      once(socket, "connect").then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 50)),
    ]);
  }
  return { port: actual, wake };
}

interface Race {
  readonly result: Promise<{ outcome: Socket | Error; tookMs: number }>;
  readonly cancel: () => void;
}

function race(t: TestContext, port: number, lookup: Lookup, host = "some.host"): Race {
  const began = performance.now();
  const { promise, resolve } = Promise.withResolvers<{ outcome: Socket | Error; tookMs: number }>();
  const running = new ConnectFirst({ host, port, timers: systemTimers, lookup }, (outcome) => {
    if (outcome instanceof Socket) t.after(() => outcome.destroy());
    resolve({ outcome, tookMs: performance.now() - began });
  });
  t.after(() => running.cancel());
  return { result: promise, cancel: () => running.cancel() };
}

describe("of several addresses", () => {
  it("the first that answers wins; one that swallows packets costs a quarter of a second", async (t) => {
    const port = await listen(t);
    await listenDeaf(t, port, "127.0.0.2");
    const { outcome, tookMs } = await race(t, port, known("127.0.0.2", "127.0.0.1")).result;
    assert.ok(outcome instanceof Socket);
    assert.equal(outcome.remoteAddress, "127.0.0.1");
    assert.ok(tookMs > 200 && tookMs < 1500, `${tookMs} ms`);
  });

  it("one that refuses costs nothing", async (t) => {
    const port = await listen(t);
    const { outcome, tookMs } = await race(t, port, known("127.0.0.3", "127.0.0.4", "127.0.0.1")).result;
    assert.ok(outcome instanceof Socket);
    assert.ok(tookMs < 200, `${tookMs} ms`);
  });

  it("one that is slow to answer is still reached when those behind it are dead", async (t) => {
    const slow = await listenDeaf(t, 0, "127.0.0.5");
    await listenDeaf(t, slow.port, "127.0.0.6");
    const { result } = race(t, slow.port, known("127.0.0.5", "127.0.0.6"));
    // By now the second attempt has begun; the first one's packet is sent again after a second.
    setTimeout(slow.wake, 500);
    const { outcome } = await result;
    assert.ok(outcome instanceof Socket);
    assert.equal(outcome.remoteAddress, "127.0.0.5");
  });

  it("all of which fail, the error names each reason", async (t) => {
    const port = await listen(t);
    const { outcome } = await race(t, port, known("127.0.0.3", "127.0.0.4")).result;
    assert.ok(outcome instanceof AggregateError);
    assert.match(outcome.message, /ECONNREFUSED 127\.0\.0\.3:\d+; .*127\.0\.0\.4/);
  });

  it("families take turns, beginning with the resolver's first", async (t) => {
    const port = await listen(t);
    // Nothing listens at ::1, so that the order shows in how soon the good one of the other family is reached.
    const { outcome } = await race(t, port, known("::1", "::1", "::1", "127.0.0.3", "127.0.0.4")).result;
    assert.ok(outcome instanceof AggregateError);
    assert.deepEqual(
      outcome.errors.map((error: NodeJS.ErrnoException & { address?: string }) => error.address),
      ["::1", "127.0.0.3", "::1", "127.0.0.4", "::1"],
    );
  });
});

describe("a race", () => {
  it("that is given up reports nothing and leaves nothing open", async (t) => {
    const port = await listen(t);
    await listenDeaf(t, port, "127.0.0.2");
    const { result, cancel } = race(t, port, known("127.0.0.2", "127.0.0.1"));
    setTimeout(cancel, 50);
    const later = new Promise((resolve) => setTimeout(resolve, 400, "nothing"));
    assert.equal(await Promise.race([result, later]), "nothing");
  });

  it("for an address needs no lookup, and a name without address is an error", async (t) => {
    const port = await listen(t);
    const refuse: Lookup = () => assert.fail("looked up");
    assert.ok((await race(t, port, refuse, "127.0.0.1").result).outcome instanceof Socket);
    const { outcome } = await race(t, port, known()).result;
    assert.ok(outcome instanceof Error);
    assert.match(outcome.message, /some\.host has no address/);
  });

  it("that cannot be run because the name is unknown says so", async (t) => {
    const unknown: Lookup = (_host, done) => setImmediate(() => done(new Error("ENOTFOUND some.host"), []));
    const { outcome } = await race(t, 80, unknown).result;
    assert.ok(outcome instanceof Error && outcome.message.includes("ENOTFOUND"));
  });
});
