/** A subchannel whose calls need more than one connection, or another one. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import fc from "fast-check";
import type { Random } from "../runtime/random.ts";
import { createVirtualTime, type VirtualTime } from "../runtime/timer.ts";
import { writeGoaway } from "../wire/http2/frame-writer.ts";
import { closeInMemory, listenInMemory } from "./memory.ts";
import { ScriptedPeer, type ScriptedStream } from "./scripted-peer.test.ts";
import type { Session, SessionStream, StreamOwner } from "./session.ts";
import { Subchannel, type SubchannelOptions } from "./subchannel.ts";
import type { UpkeepRules } from "./upkeep.ts";

const NAME = "pool";
const random: Random = { next: () => 0.5, below: () => 0 };
const rules: UpkeepRules = {
  keepaliveMs: 10_000,
  keepaliveTimeoutMs: 5000,
  silenceMs: Number.POSITIVE_INFINITY,
  keepaliveWithoutCalls: false,
  maxIdleMs: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
};

let time: VirtualTime;
let peers: ScriptedPeer[];
let requests: ScriptedStream[];
let subchannel: Subchannel;
let used: Subchannel | undefined;
let states: string[];
let streamLimit: number;

beforeEach(() => {
  time = createVirtualTime();
  // Not 0: a process that has run for a day.
  time.advance(86_400_000);
  peers = [];
  requests = [];
  states = [];
  streamLimit = 10;
  listen();
});

afterEach(() => {
  used?.destroy();
  closeInMemory(NAME);
  for (const peer of peers) peer.cut();
});

function listen(): void {
  listenInMemory(NAME, (socket) => {
    const note = (stream: ScriptedStream) => {
      if (!requests.includes(stream)) requests.push(stream);
    };
    peers.push(new ScriptedPeer("server", socket, note, { maxConcurrentStreams: streamLimit }));
  });
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await macrotask();
}

/** Lets time pass in steps of a second. */
async function pass(ms: number): Promise<void> {
  for (const untilMs = time.now() + ms; time.now() < untilMs; ) {
    time.advance(Math.min(1000, untilMs - time.now()));
    await settle();
  }
}

async function connect(options: Partial<SubchannelOptions> = {}): Promise<void> {
  subchannel = new Subchannel({
    id: "a",
    address: `memory:${NAME}`,
    weight: 1,
    connectTimeoutMs: 1000,
    maxConnections: 3,
    upkeep: rules,
    clock: time,
    timers: time,
    random,
    onState: ({ state }) => states.push(state),
    ...options,
  });
  used = subchannel;
  subchannel.connect();
  await settle();
  assert.equal(subchannel.state, "ready");
}

class Call implements StreamOwner {
  session: Session | undefined;
  stream: SessionStream | undefined;
  outcome: "running" | "reset" | "lost" | "lost unsent" = "running";

  onStream(session: Session, stream: SessionStream): void {
    this.session = session;
    this.stream = stream;
    session.sendHead(stream, [":method", "POST", ":scheme", "http", ":path", "/a", ":authority", "a"], true);
  }

  end(): void {
    if (this.stream !== undefined && this.outcome === "running") this.session?.reset(this.stream, 8);
  }

  onHeaders(): void {}
  onData(): void {}
  onWritable(): void {}
  onReset(): void {
    this.outcome = "reset";
  }
  onLost(_reason: string, sent: boolean): void {
    this.outcome = sent ? "lost" : "lost unsent";
  }
}

function start(count: number): Call[] {
  return Array.from({ length: count }, () => {
    const call = new Call();
    subchannel.session?.request(call);
    return call;
  });
}

const streams = () => subchannel.sessions.map(({ session }) => session.streams);

describe("more calls than a connection should carry", () => {
  it("bring another one at 80 % of the peer's limit, and not before", async () => {
    await connect();
    start(7);
    await settle();
    assert.equal(peers.length, 1);
    start(1);
    await settle();
    assert.equal(peers.length, 2);
    assert.equal(subchannel.state, "ready");
    start(8);
    await settle();
    assert.deepEqual(streams(), [8, 8, 0]);
  });

  it("share those that there may be, and wait only when all are at the limit", async () => {
    await connect();
    const calls = start(40);
    await settle();
    calls.push(...start(2));
    await settle();
    assert.deepEqual(streams(), [10, 10, 10]);
    assert.equal(subchannel.waiting, 12);
    calls[0]?.end();
    await settle();
    assert.equal(subchannel.waiting, 11);
    for (const call of calls) call.end();
    await settle();
    assert.deepEqual(
      calls.filter(({ stream }) => stream === undefined),
      [],
      "nobody is forgotten",
    );
  });

  it("that wait for a stream get it on the connection that has one first", async () => {
    await connect();
    const calls = start(30);
    assert.deepEqual([streams(), subchannel.waiting], [[10], 20]);
    const withdrawn = calls[20] as Call;
    subchannel.session?.withdraw(withdrawn);
    await settle();
    assert.deepEqual([subchannel.waiting, withdrawn.stream], [0, undefined]);
    assert.equal(
      streams().reduce((sum, count) => sum + count),
      29,
    );
  });

  it("bring another one also when the spare one has gone and the first is at its limit", async () => {
    await connect();
    const long = start(10);
    await settle();
    await pass(61_000);
    assert.deepEqual(streams(), [10], "nobody needed the spare one");
    const [late] = start(1);
    await settle();
    assert.notEqual(late?.stream, undefined);
    assert.deepEqual(streams(), [10, 1]);
    assert.ok(long.every(({ outcome }) => outcome === "running"));
  });

  it("go to the first connection again as soon as it has room, and the others close when nobody needs them", async () => {
    await connect();
    const calls = start(20);
    await settle();
    assert.ok(peers.length >= 2);
    for (const call of calls) call.end();
    await settle();
    const [next] = start(1);
    assert.equal(next?.session, subchannel.sessions[0]?.session);
    await pass(29_000);
    assert.ok(subchannel.sessions.length >= 2);
    await pass(32_000);
    assert.equal(subchannel.sessions.length, 1);
    assert.equal(next?.outcome, "running");
    assert.equal(subchannel.session, next?.session);
  });

  it("leave no timer behind when they are over", async () => {
    await connect();
    const calls = start(20);
    await settle();
    for (const call of calls) call.end();
    await pass(60_000);
    assert.equal(time.pending, 0);
  });

  it("do not hurry when no other connection can be made: it is tried again, later each time", async () => {
    await connect();
    closeInMemory(NAME);
    start(8);
    await settle();
    assert.equal(subchannel.state, "ready");
    assert.match(subchannel.lastError, /nobody listens/);
    listen();
    await pass(1000);
    assert.equal(peers.length, 2);
    assert.deepEqual(states, ["connecting", "ready"]);
  });

  it("lose one connection of several, and with it only its own calls", async () => {
    await connect();
    const calls = start(16);
    await settle();
    calls.push(...start(8));
    await settle();
    peers[0]?.cut();
    await settle();
    assert.deepEqual(states, ["connecting", "ready"]);
    assert.equal(calls.filter(({ outcome }) => outcome === "lost").length, 10);
    assert.ok(subchannel.session !== undefined);
    assert.equal(
      calls.filter(({ outcome, stream }) => outcome === "running" && stream !== undefined).length,
      14,
    );
  });

  it("never lose a call that waits, whatever comes and goes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(fc.record({ start: fc.integer({ min: 1, max: 12 }) }), fc.record({ end: fc.nat(50) })),
          {
            maxLength: 30,
          },
        ),
        async (steps) => {
          used?.destroy();
          await connect();
          const calls: Call[] = [];
          for (const step of steps) {
            if ("start" in step) calls.push(...start(step.start));
            else calls[step.end % Math.max(1, calls.length)]?.end();
            if (calls.length % 3 === 0) await macrotask();
          }
          for (let rounds = 0; rounds < 100 && subchannel.waiting > 0; rounds++) {
            for (const call of calls) call.end();
            await settle();
          }
          assert.ok(calls.every(({ stream, outcome }) => stream !== undefined && outcome === "running"));
          assert.ok(subchannel.sessions.length <= 3);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("a connection whose peer is silent", () => {
  it("is given up within the two keepalive times, and its calls with it", async () => {
    await connect();
    const [call] = start(1);
    await settle();
    peers[0]?.hang();
    await pass(14_000);
    assert.equal(call?.outcome, "running");
    await pass(1100);
    assert.equal(call?.outcome, "lost");
    assert.match(subchannel.lastError, /has not answered a PING within 5000 ms/);
    assert.equal(peers.length, 2, "another one is there");
    assert.equal(subchannel.state, "ready");
  });

  it("is asked at once by the first call after a long silence", async () => {
    await connect();
    await pass(3_600_000);
    assert.equal(peers[0]?.pings, 0, "nobody is asked while there are no calls");
    peers[0]?.hang();
    const [call] = start(1);
    await pass(5100);
    assert.equal(call?.outcome, "lost");
  });

  it("is found out by calls that give up themselves, one after the other", async () => {
    await connect();
    peers[0]?.hang();
    for (let seconds = 0; seconds < 16 && peers.length === 1; seconds++) {
      const [call] = start(1);
      await pass(900);
      call?.end();
      await pass(100);
    }
    assert.equal(peers.length, 2);
  });

  it("stays when it answers, for as long as the call takes", async () => {
    await connect();
    const [call] = start(1);
    await pass(600_000);
    assert.equal(call?.outcome, "running");
    // Ours permit it: every 10 s.
    assert.ok((peers[0]?.pings ?? 0) > 50);
  });

  it("that complains of too many PINGs is asked half as often", async () => {
    await connect();
    const [call] = start(1);
    await settle();
    const [peer] = peers;
    assert.ok(peer !== undefined);
    writeGoaway(peer.machine.out, 0, 11, "too_many_pings");
    peer.flush();
    await settle();
    assert.equal(call?.outcome, "reset");
    assert.equal(peers.length, 2);
    start(1);
    await pass(19_000);
    assert.equal(peers[1]?.pings, 0);
    await pass(2000);
    assert.equal(peers[1]?.pings, 1);
  });
});

describe("a connection that is as old as it may be", () => {
  const aging = { upkeep: { ...rules, maxAgeMs: 60_000 } };

  it("is replaced before it goes, and its calls finish on it", async () => {
    await connect(aging);
    const [call] = start(1);
    const old = subchannel.session;
    await pass(59_000);
    assert.equal(subchannel.session, old);
    await pass(2000);
    assert.notEqual(subchannel.session, old);
    assert.deepEqual(states, ["connecting", "ready"], "it was ready all the time");
    assert.deepEqual(
      subchannel.sessions.map(({ draining, session }) => [draining, session.streams]),
      [
        [false, 0],
        [true, 1],
      ],
    );
    call?.end();
    await settle();
    assert.equal(subchannel.sessions.length, 1);
    assert.equal(peers[0]?.closed, true);
  });

  it("stays while no other can be made", async () => {
    await connect(aging);
    closeInMemory(NAME);
    const old = subchannel.session;
    await pass(120_000);
    assert.equal(subchannel.session, old);
    assert.equal(subchannel.state, "ready");
    listen();
    await pass(10_000);
    assert.notEqual(subchannel.session, old);
  });
});

describe("a subchannel at rest", () => {
  it("has no connection and wants none, until it is asked to connect", async () => {
    await connect();
    subchannel.rest();
    await pass(60_000);
    assert.deepEqual([subchannel.state, subchannel.sessions.length, peers.length], ["idle", 0, 1]);
    assert.equal(peers[0]?.closed, true);
    subchannel.connect();
    await settle();
    assert.equal(subchannel.state, "ready");
    assert.deepEqual(states, ["connecting", "ready", "idle", "connecting", "ready"]);
  });
});
