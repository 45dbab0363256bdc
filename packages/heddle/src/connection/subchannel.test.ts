import assert from "node:assert/strict";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Random } from "../runtime/random.ts";
import { createVirtualTime, type VirtualTime } from "../runtime/timer.ts";
import { frame, settings, uint32 } from "../wire/http2/raw-frames.test.ts";
import type { StreamOwner } from "./session.ts";
import { closeInMemory, listenInMemory } from "./memory.ts";
import { Subchannel } from "./subchannel.ts";
import type { UpkeepRules } from "./upkeep.ts";

const CONNECT_TIMEOUT_MS = 1000;

const upkeep: UpkeepRules = {
  keepaliveMs: 10_000,
  keepaliveTimeoutMs: 5000,
  silenceMs: Number.POSITIVE_INFINITY,
  keepaliveWithoutCalls: false,
  maxIdleMs: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
};

/** The middle of every band. */
const random: Random = { next: () => 0.5, below: () => 0 };

/** A server that says what a test wants, one entry a connection. */
let connections: Duplex[];
let time: VirtualTime;
let states: string[];
let subchannel: Subchannel;
let onConnection: (socket: Duplex) => void;

beforeEach(() => {
  connections = [];
  states = [];
  time = createVirtualTime();
  onConnection = (socket) => socket.write(settings());
  listen();
  subchannel = new Subchannel({
    id: "a",
    address: "memory:subchannel",
    weight: 1,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    maxConnections: 1,
    upkeep,
    clock: time,
    timers: time,
    random,
    onState: ({ state }) => states.push(state),
  });
});

afterEach(() => {
  subchannel.destroy();
  closeInMemory("subchannel");
});

function listen(): void {
  listenInMemory("subchannel", (socket) => {
    connections.push(socket);
    socket.on("error", () => {});
    socket.resume();
    onConnection(socket);
  });
}

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
}

async function connected(): Promise<void> {
  subchannel.connect();
  await settle();
  assert.equal(subchannel.state, "ready");
}

/** The state after `ms` less one, and after `ms`. */
async function aroundMs(ms: number): Promise<[string, string]> {
  time.advance(ms - 1);
  await settle();
  const before = subchannel.state;
  time.advance(1);
  await settle();
  return [before, subchannel.state];
}

describe("a subchannel", () => {
  it("is ready when the peer's settings have come, and not before", async () => {
    onConnection = () => {};
    subchannel.connect();
    await settle();
    assert.equal(subchannel.state, "connecting");
    connections[0]?.write(settings());
    await settle();
    assert.deepEqual(states, ["connecting", "ready"]);
    assert.ok(subchannel.session !== undefined);
    assert.equal(time.pending, 0, "no timer is left behind");
  });

  it("waits longer after each failure, and as at first after a connection that lasted", async () => {
    closeInMemory("subchannel");
    subchannel.connect();
    await settle();
    for (const waitMs of [100, 160, 256]) {
      assert.equal(subchannel.state, "transient_failure");
      assert.match(subchannel.lastError, /nobody listens/);
      const before = states.length;
      time.advance(waitMs - 1);
      await settle();
      assert.equal(states.length, before, `it waits ${waitMs} ms`);
      time.advance(1);
      await settle();
      assert.deepEqual(states.slice(before), ["idle", "connecting", "transient_failure"]);
    }
    listen();
    time.advance(5000);
    await settle();
    assert.equal(subchannel.state, "ready");
    time.advance(60_000);
    closeInMemory("subchannel");
    connections.at(-1)?.destroy();
    connections.at(-1)?.end();
    await settle();
    assert.equal(subchannel.state, "transient_failure");
    listen();
    assert.deepEqual(await aroundMs(100), ["transient_failure", "ready"]);
  });

  it("gives up a server that never sends its settings", async () => {
    onConnection = () => {};
    subchannel.connect();
    await settle();
    assert.deepEqual(await aroundMs(CONNECT_TIMEOUT_MS), ["connecting", "transient_failure"]);
    assert.match(subchannel.lastError, /no HTTP\/2 settings within 1000 ms/);
  });

  it("connects anew at once when the server goes away, and lets running calls end", async () => {
    await connected();
    const old = subchannel.session;
    const call = new Call();
    old?.request(call);
    time.advance(2000);
    connections[0]?.write(frame(7, 0, 0, [...uint32(1), ...uint32(0)]));
    await settle();
    assert.deepEqual(states, ["connecting", "ready", "idle", "connecting", "ready"]);
    assert.notEqual(subchannel.session, old);
    assert.deepEqual(call.log, ["stream"]);
    const closed = once(connections[0] as Duplex, "close");
    connections[0]?.write(frame(3, 0, 1, uint32(8)));
    await settle();
    connections[0]?.end();
    await closed;
    assert.deepEqual(call.log, ["stream", "reset 8"]);
  });

  it("does not hammer a server that accepts and hangs up", async () => {
    onConnection = (socket) => {
      socket.write(settings());
      setImmediate(() => socket.end());
    };
    subchannel.connect();
    await settle();
    await settle();
    assert.equal(subchannel.state, "transient_failure");
    assert.equal(connections.length, 2, "once at once, then it waits");
    assert.match(subchannel.lastError, /was lost/);
  });

  it("shut down, it stays so, whatever happens", async () => {
    await connected();
    subchannel.shutdown();
    await settle();
    time.advance(60_000);
    await settle();
    assert.equal(subchannel.state, "shutdown");
    assert.equal(connections.length, 1);
    const other = new Subchannel({
      id: "b",
      address: "memory:subchannel",
      weight: 1,
      connectTimeoutMs: 10,
      maxConnections: 1,
      upkeep,
      clock: time,
      timers: time,
      random,
      onState: () => {},
    });
    other.connect();
    other.shutdown();
    await settle();
    assert.equal(other.state, "shutdown");
    assert.equal(other.session, undefined);
  });
});

describe("its session", () => {
  it("lets calls wait at the peer's stream limit, in order, and loses none", async () => {
    onConnection = (socket) => socket.write(settings([3, 2]));
    await connected();
    const calls = Array.from({ length: 5 }, () => new Call());
    for (const call of calls) subchannel.session?.request(call);
    subchannel.session?.withdraw(calls[2] as Call);
    assert.deepEqual(
      calls.map(({ log }) => log.length),
      [1, 1, 0, 0, 0],
    );
    connections[0]?.write(frame(3, 0, 1, uint32(8)));
    await settle();
    assert.deepEqual(
      calls.map(({ log }) => log.length),
      [2, 1, 0, 1, 0],
    );
    calls[1]?.cancel();
    await settle();
    assert.deepEqual(
      calls.map(({ log }) => log.length),
      [2, 1, 0, 1, 1],
    );
    connections[0]?.write(settings([3, 100]));
    const late = new Call();
    subchannel.session?.request(late);
    await settle();
    assert.deepEqual(late.log, ["stream"]);
  });

  it("that drains hands back calls that wait, and closes when the last one is cancelled", async () => {
    onConnection = (socket) => socket.write(settings([3, 1]));
    await connected();
    const [running, waiting] = [new Call(), new Call()];
    subchannel.session?.request(running);
    subchannel.session?.request(waiting);
    const ended = once(connections[0] as Duplex, "end");
    subchannel.shutdown();
    assert.deepEqual([running.log, waiting.log], [["stream"], ["lost unsent"]]);
    running.cancel();
    await ended;
  });

  it("that is lost tells every call whether anything of it was sent", async () => {
    onConnection = (socket) => socket.write(settings([3, 1]));
    await connected();
    const calls = [new Call(), new Call()];
    for (const call of calls) subchannel.session?.request(call);
    const { session } = subchannel;
    connections[0]?.end();
    await settle();
    assert.deepEqual(
      calls.map(({ log }) => log.at(-1)),
      ["lost sent", "lost unsent"],
    );
    const late = new Call();
    session?.request(late);
    assert.deepEqual(late.log, ["lost unsent"]);
  });
});

class Call implements StreamOwner {
  readonly log: string[] = [];
  cancel: () => void = () => {};

  onStream(...[session, stream]: Parameters<StreamOwner["onStream"]>): void {
    this.log.push("stream");
    session.sendHead(stream, [":method", "POST"], false);
    this.cancel = () => session.reset(stream, 8);
  }

  onHeaders(): void {}
  onData(): void {}
  onWritable(): void {}

  onReset(code: number): void {
    this.log.push(`reset ${code}`);
  }

  onLost(_reason: string, sent: boolean): void {
    this.log.push(sent ? "lost sent" : "lost unsent");
  }
}
