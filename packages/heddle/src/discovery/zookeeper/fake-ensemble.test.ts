/**
 * An ensemble in memory, for the tests of this folder: it speaks the protocol to whoever dials one of its hosts, keeps
 * nodes and sessions, and does the things that servers do to clients. How real ones behave is what the tests against
 * ZooKeeper itself show; here time is virtual and every order of events can be made.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../runtime/random.ts";
import { createVirtualTime, type VirtualTime } from "../../runtime/virtual-time.ts";
import type { Dial, WireListener } from "./dial.ts";
import { JuteReader, JuteWriter } from "./jute.ts";
import { createPacketSplitter } from "./packet-splitter.ts";
import { createSession, type Session } from "./session.ts";

export interface FakeNode {
  data: Buffer;
  version: number;
  owner: bigint;
  readonly createdZxid: bigint;
  made: number;
}

interface FakeSession {
  readonly id: bigint;
  readonly password: Buffer;
  readonly timeoutMs: number;
  heardAtMs: number;
  peer: Peer | undefined;
}

interface Peer {
  readonly host: string;
  send(packet: Buffer): void;
  close(): void;
  session: FakeSession | undefined;
  readonly trees: Set<string>;
  readonly once: Set<string>;
}

export interface FakeEnsemble {
  readonly dial: Dial;
  readonly nodes: Map<string, FakeNode>;
  readonly sessions: Map<bigint, FakeSession>;
  /** What was asked of it, as `getData /a/b`, in order; pings are left out. */
  readonly asked: string[];
  /** Sessions and last zxids that were offered in greetings. */
  readonly greetings: { readonly host: string; readonly sessionId: bigint; readonly lastZxid: bigint }[];
  pings: number;
  /** Refuses connections, or answers nothing, or knows no addWatch. */
  readonly down: Set<string>;
  readonly frozen: Set<string>;
  readonly old: Set<string>;
  /** Nodes that nobody may read. */
  readonly secret: Set<string>;
  /** Requests of these kinds are neither carried out nor answered. */
  readonly mute: Set<string>;
  /** The next request of this kind is done, and the connection lost instead of the answer. */
  loseAnswerTo: string | undefined;
  /** Runs before a request is carried out. */
  before: (asked: string) => void;
  /** Writes as somebody else. */
  write(path: string, data: string | Buffer, owner?: bigint): void;
  delete(path: string): void;
  /** Ends a session as the ensemble does, and its nodes with it. */
  expire(id: bigint): void;
  /** Closes all connections. */
  hangUp(): void;
  /** Starts again with empty disks. */
  forget(): void;
  /** Sends bytes to all connections. */
  babble(bytes: Buffer): void;
}

const ERROR = { noNode: -101, badVersion: -103, nodeExists: -110, unimplemented: -6, noAuth: -102 };

export function createFakeEnsemble(time: VirtualTime): FakeEnsemble {
  const nodes = new Map<string, FakeNode>([["", fakeNode(0n)]]);
  const sessions = new Map<bigint, FakeSession>();
  const peers = new Set<Peer>();
  let zxid = 0n;
  let nextSession = 0x100n;

  function fakeNode(createdZxid: bigint, data: Uint8Array = Buffer.alloc(0), owner = 0n): FakeNode {
    return { data: Buffer.from(data), version: 0, owner, createdZxid, made: 0 };
  }

  function tell(kind: number, path: string): void {
    for (const peer of peers) {
      const inTree = [...peer.trees].some((tree) => path === tree || path.startsWith(`${tree}/`));
      if (!(inTree && kind !== 4) && !peer.once.delete(`${kind === 4 ? "list" : "data"} ${path}`)) continue;
      peer.send(new JuteWriter().int(-1).long(-1n).int(0).int(kind).int(3).text(path).packet());
    }
  }

  function parentOf(path: string): string {
    return path.slice(0, path.lastIndexOf("/"));
  }

  function create(path: string, data: Uint8Array, flags: number, session: bigint): number | string {
    const parent = nodes.get(parentOf(path));
    if (parent === undefined) return ERROR.noNode;
    const full = (flags & 2) === 0 ? path : `${path}${String(parent.made++).padStart(10, "0")}`;
    if (nodes.has(full)) return ERROR.nodeExists;
    nodes.set(full, fakeNode(++zxid, data, (flags & 1) === 0 ? 0n : session));
    tell(1, full);
    tell(4, parentOf(full));
    return full;
  }

  function remove(path: string, version: number): number {
    const node = nodes.get(path);
    if (node === undefined) return ERROR.noNode;
    if (version !== -1 && version !== node.version) return ERROR.badVersion;
    nodes.delete(path);
    zxid++;
    tell(2, path);
    tell(4, parentOf(path));
    return 0;
  }

  function set(path: string, data: Uint8Array, version: number): number {
    const node = nodes.get(path);
    if (node === undefined) return ERROR.noNode;
    if (version !== -1 && version !== node.version) return ERROR.badVersion;
    node.data = Buffer.from(data);
    node.version++;
    zxid++;
    tell(3, path);
    return 0;
  }

  function writeStat(writer: JuteWriter, { createdZxid, version, owner, data }: FakeNode): JuteWriter {
    writer.long(createdZxid).long(zxid).long(0n).long(0n).int(version).int(0).int(0).long(owner);
    return writer.int(data.length).int(0).long(zxid);
  }

  function skipAcl(reader: JuteReader): void {
    for (let left = reader.int(); left > 0; left--) {
      reader.int();
      reader.text();
      reader.text();
    }
  }

  function answer(peer: Peer, reader: JuteReader): void {
    const session = peer.session as FakeSession;
    const [xid, type] = [reader.int(), reader.int()];
    const reply = (error: number, body: (writer: JuteWriter) => unknown = () => {}) => {
      const writer = new JuteWriter().int(xid).long(zxid).int(error);
      if (error === 0) body(writer);
      if (fake.loseAnswerTo === name) {
        fake.loseAnswerTo = undefined;
        peer.close();
      } else peer.send(writer.packet());
    };
    const name = OPERATIONS[type] ?? String(type);
    if (type === 11) {
      fake.pings++;
      return reply(0);
    }
    if (type === -11) {
      reply(0);
      fake.expire(session.id);
      return;
    }
    if (type === 100) return reply(0);
    if (type === 14) return multi(session.id, reader, reply);
    if (fake.mute.has(name)) return;
    const path = reader.text();
    fake.asked.push(`${name} ${path}`);
    fake.before(`${name} ${path}`);
    const node = nodes.get(path);
    switch (name) {
      case "create": {
        const data = Buffer.from(reader.buffer());
        skipAcl(reader);
        const made = create(path, data, reader.int(), session.id);
        return typeof made === "number" ? reply(made) : reply(0, (writer) => writer.text(made));
      }
      case "delete":
        return reply(remove(path, reader.int()));
      case "setData": {
        const error = set(path, Buffer.from(reader.buffer()), reader.int());
        return reply(error, (writer) => writeStat(writer, node as FakeNode));
      }
      case "exists":
      case "getData": {
        if (reader.bool() && (node || name === "exists")) peer.once.add(`data ${path}`);
        if (node === undefined) return reply(ERROR.noNode);
        if (fake.secret.has(path) && name === "getData") return reply(ERROR.noAuth);
        return reply(0, (writer) => {
          if (name === "getData") writer.buffer(node.data);
          writeStat(writer, node);
        });
      }
      case "getChildren": {
        if (node === undefined) return reply(ERROR.noNode);
        if (reader.bool()) peer.once.add(`list ${path}`);
        const children = [...nodes.keys()].filter((at) => at !== "" && parentOf(at) === path);
        return reply(0, (writer) =>
          writeStat(writer.texts(children.map((at) => at.slice(path.length + 1))), node),
        );
      }
      case "sync":
        return reply(0, (writer) => writer.text(path));
      case "addWatch":
      case "removeWatches":
        if (fake.old.has(peer.host)) {
          reply(ERROR.unimplemented);
          return peer.close();
        }
        if (name === "addWatch") peer.trees.add(path);
        else peer.trees.delete(path);
        return reply(0);
      default:
        return reply(ERROR.unimplemented);
    }
  }

  function multi(
    session: bigint,
    reader: JuteReader,
    reply: (error: number, body: (writer: JuteWriter) => unknown) => void,
  ): void {
    const steps: { readonly type: number; readonly run: () => number | string }[] = [];
    for (;;) {
      const type = reader.int();
      const done = reader.bool();
      reader.int();
      if (done) break;
      const path = reader.text();
      fake.asked.push(`multi ${OPERATIONS[type]} ${path}`);
      if (type === 2) {
        const version = reader.int();
        steps.push({ type, run: () => remove(path, version) });
      } else {
        const data = Buffer.from(reader.buffer());
        skipAcl(reader);
        const flags = reader.int();
        steps.push({ type, run: () => create(path, data, flags, session) });
      }
    }
    const before = new Map(nodes);
    const results = steps.map(({ type, run }) => ({ type, result: run() }));
    const failed = results.findIndex(({ result }) => typeof result === "number" && result !== 0);
    if (failed !== -1) {
      nodes.clear();
      for (const [path, node] of before) nodes.set(path, node);
    }
    reply(0, (writer) => {
      for (const [index, { type, result }] of results.entries()) {
        if (failed !== -1) {
          const error = index < failed ? 0 : index === failed ? (result as number) : -2;
          writer.int(-1).bool(false).int(error).int(error);
        } else {
          writer.int(type).bool(false).int(0);
          if (typeof result === "string") writer.text(result);
        }
      }
      writer.int(-1).bool(true).int(-1);
    });
  }

  function greet(peer: Peer, reader: JuteReader): void {
    reader.int();
    const lastZxid = reader.long();
    const timeoutMs = reader.int();
    const id = reader.long();
    const password = Buffer.from(reader.buffer());
    fake.greetings.push({ host: peer.host, sessionId: id, lastZxid });
    if (lastZxid > zxid) return peer.close();
    let session = sessions.get(id);
    if (id === 0n) {
      const made = nextSession++;
      session = {
        id: made,
        password: Buffer.alloc(16, Number(made % 251n)),
        timeoutMs,
        heardAtMs: 0,
        peer: undefined,
      };
      sessions.set(made, session);
    } else if (session === undefined || !session.password.equals(password)) {
      peer.send(new JuteWriter().int(0).int(0).long(0n).buffer(Buffer.alloc(16)).bool(false).packet());
      return peer.close();
    }
    const served = session as FakeSession;
    served.peer?.close();
    served.peer = peer;
    served.heardAtMs = time.now();
    peer.session = served;
    peer.send(
      new JuteWriter()
        .int(0)
        .int(served.timeoutMs)
        .long(served.id)
        .buffer(served.password)
        .bool(false)
        .packet(),
    );
  }

  function connect(host: string, listener: WireListener) {
    let open = true;
    const inbox = createPacketSplitter(1 << 20);
    const later = (run: () => void) => queueMicrotask(() => open && run());
    const peer: Peer = {
      host,
      session: undefined,
      trees: new Set(),
      once: new Set(),
      send: (packet) => later(() => !fake.frozen.has(host) && listener.received(packet)),
      close() {
        if (!open) return;
        peers.delete(peer);
        // What was sent before still arrives.
        queueMicrotask(() => {
          if (open) listener.closed(undefined);
          open = false;
        });
      },
    };
    if (fake.down.has(host)) {
      later(() => listener.closed(new Error("connect ECONNREFUSED")));
      return { write() {}, destroy: () => void (open = false) };
    }
    peers.add(peer);
    later(() => listener.opened());
    return {
      write(bytes: Uint8Array) {
        const copy = Buffer.from(bytes);
        later(() => {
          if (fake.frozen.has(host) || !peers.has(peer)) return;
          inbox.push(copy, (packet) => {
            if (peer.session !== undefined) {
              peer.session.heardAtMs = time.now();
              answer(peer, new JuteReader(packet));
            } else greet(peer, new JuteReader(packet));
          });
        });
      },
      destroy() {
        open = false;
        peers.delete(peer);
      },
    };
  }

  time.every(100, () => {
    if (fake.frozen.size > 0) return;
    for (const { id, heardAtMs, timeoutMs } of sessions.values())
      if (time.now() - heardAtMs >= timeoutMs) fake.expire(id);
  });

  const fake: FakeEnsemble = {
    dial: connect,
    nodes,
    sessions,
    asked: [],
    greetings: [],
    pings: 0,
    down: new Set(),
    frozen: new Set(),
    old: new Set(),
    mute: new Set(),
    secret: new Set(),
    loseAnswerTo: undefined,
    before: () => {},
    write(path, data, owner = 0n) {
      const bytes = Buffer.from(data);
      if (set(path, bytes, -1) === 0) return;
      for (let at = path.indexOf("/", 1); at !== -1; at = path.indexOf("/", at + 1))
        create(path.slice(0, at), Buffer.alloc(0), 0, 0n);
      create(path, bytes, owner === 0n ? 0 : 1, owner);
    },
    delete: (path) => void remove(path, -1),
    expire(id) {
      const session = sessions.get(id);
      sessions.delete(id);
      for (const [path, { owner }] of nodes) if (owner === id) remove(path, -1);
      session?.peer?.close();
    },
    hangUp() {
      for (const peer of peers) peer.close();
    },
    forget() {
      fake.hangUp();
      sessions.clear();
      nodes.clear();
      nodes.set("", fakeNode(0n));
      zxid = 0n;
    },
    babble(bytes) {
      for (const peer of peers) peer.send(bytes);
    },
  };
  return fake;
}

const OPERATIONS: Readonly<Record<number, string>> = {
  1: "create",
  2: "delete",
  3: "exists",
  4: "getData",
  5: "setData",
  9: "sync",
  12: "getChildren",
  18: "removeWatches",
  106: "addWatch",
};

export interface FakeWorld {
  readonly time: VirtualTime;
  readonly fake: FakeEnsemble;
  readonly session: Session;
  readonly runtime: {
    readonly clock: VirtualTime;
    readonly timers: VirtualTime;
    readonly random: ReturnType<typeof createSeededRandom>;
  };
  /** Moves time on in small steps, and lets everything happen that follows from each. */
  pass(ms: number): Promise<void>;
}

export const HOSTS = ["a:1", "b:1", "c:1"];

export function createFakeWorld(hosts: readonly string[] = ["a:1"], timeoutMs = 6_000): FakeWorld {
  const time = createVirtualTime();
  const fake = createFakeEnsemble(time);
  const runtime = { clock: time, timers: time, random: createSeededRandom(7) };
  const session = createSession({ hosts, dial: fake.dial, runtime, timeoutMs, auth: undefined });
  return { time, fake, runtime, session, pass: (ms) => pass(time, ms) };
}

async function pass(time: VirtualTime, ms: number): Promise<void> {
  await settled();
  for (let left = ms; left > 0; left -= STEP_MS) {
    time.advance(Math.min(left, STEP_MS));
    await settled();
  }
}

const STEP_MS = 25;

/** Everything that waits for nothing but promises has happened. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 4; turns++) await new Promise((resolve) => setImmediate(resolve));
}

test("the fake keeps sessions, and ends those that it does not hear", async () => {
  const { fake, session, pass } = createFakeWorld();
  const { connection } = await session.attach(new AbortController().signal);
  assert.equal(fake.sessions.size, 1);
  await pass(20_000);
  assert.equal(connection.ended.aborted, false, "pings keep it");
  await session[Symbol.asyncDispose]();
  assert.equal(fake.sessions.size, 0);
});
