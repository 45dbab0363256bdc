/**
 * The packets of ZooKeeper's protocol that a service's discovery needs, as functions from values to bytes and back.
 * Nothing here knows a socket or a clock. Names and numbers are those of `zookeeper.jute` and `ZooDefs`:
 * https://github.com/apache/zookeeper/blob/master/zookeeper-server/src/main/java/org/apache/zookeeper/ZooDefs.java
 */
import { JuteError, JuteReader, JuteWriter } from "./jute.ts";
import { ZookeeperError } from "./zookeeper-error.ts";

const OPCODE = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  multi: 14,
  removeWatches: 18,
  auth: 100,
  addWatch: 106,
  closeSession: -11,
} as const;

/** Requests outside the numbering of a connection have fixed numbers. */
export const XID = { notification: -1, ping: -2, auth: -4 } as const;

/** A server sends these without being asked. */
export interface WatchEvent {
  readonly kind: "created" | "deleted" | "changed" | "children" | "other";
  readonly path: string;
}

export interface Stat {
  /** The transaction that created the node; of two nodes that had one name, the later has the larger. */
  readonly createdZxid: bigint;
  /** Grows by one with each `setData`; the condition of `setData` and `delete`. */
  readonly version: number;
  /** The session whose end removes the node; 0 for one that stays. */
  readonly ephemeralOwner: bigint;
}

export interface NodeData {
  readonly data: Buffer;
  readonly stat: Stat;
}

export interface Acl {
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

export const PERMISSION = { read: 1, all: 31 } as const;

export type CreateMode = "persistent" | "ephemeral" | "ephemeral-sequential";

/** One request: what it is called in errors, its bytes, and what its answer means. */
export interface Request<Reply> {
  readonly what: string;
  encode(xid: number): Buffer;
  decode(reply: JuteReader): Reply;
}

export function create(
  path: string,
  data: Uint8Array,
  acl: readonly Acl[],
  mode: CreateMode,
): Request<string> {
  return {
    what: `create ${path}`,
    encode: (xid) => writeCreate(head(xid, OPCODE.create), path, data, acl, mode).packet(),
    decode: (reply) => reply.text(),
  };
}

export function remove(path: string, version: number): Request<void> {
  return {
    what: `delete ${path}`,
    encode: (xid) => head(xid, OPCODE.delete).text(path).int(version).packet(),
    decode: () => undefined,
  };
}

/** Deletes one node and creates another, which may have the same path, in one transaction. */
export function replace(
  old: { readonly path: string; readonly version: number },
  node: { readonly path: string; readonly data: Uint8Array; readonly mode: CreateMode },
  acl: readonly Acl[],
): Request<string> {
  return {
    what: `delete ${old.path} and create ${node.path}`,
    encode(xid) {
      const writer = head(xid, OPCODE.multi);
      multiHead(writer, OPCODE.delete, false).text(old.path).int(old.version);
      writeCreate(multiHead(writer, OPCODE.create, false), node.path, node.data, acl, node.mode);
      return multiHead(writer, -1, true).packet();
    },
    decode(reply) {
      let path = node.path;
      for (let results = 0; ; results++) {
        const type = reply.int();
        const done = reply.bool();
        const error = reply.int();
        if (done) return path;
        if (results >= 2) throw new JuteError("more results than operations");
        // The first failure is an error packet of its own; those after it only say that they were not tried.
        if (type === -1) {
          const code = reply.int();
          if (code !== 0) throw new ZookeeperError(code, this.what);
        } else if (error !== 0) throw new ZookeeperError(error, this.what);
        else if (type === OPCODE.create) path = reply.text();
      }
    },
  };
}

/** `watch` asks to be told once, on this connection, when the node changes or goes. */
export function getData(path: string, watch: boolean): Request<NodeData> {
  return {
    what: `getData ${path}`,
    encode: (xid) => head(xid, OPCODE.getData).text(path).bool(watch).packet(),
    decode: (reply) => ({ data: reply.buffer(), stat: readStat(reply) }),
  };
}

/** `watch` asks to be told once when the node comes, changes or goes, and works for one that is not there. */
export function exists(path: string, watch: boolean): Request<Stat> {
  return {
    what: `exists ${path}`,
    encode: (xid) => head(xid, OPCODE.exists).text(path).bool(watch).packet(),
    decode: readStat,
  };
}

export function setData(path: string, data: Uint8Array, version: number): Request<Stat> {
  return {
    what: `setData ${path}`,
    encode: (xid) => head(xid, OPCODE.setData).text(path).buffer(data).int(version).packet(),
    decode: readStat,
  };
}

/** The names of a node's children, without its path, in no order. `watch`: told once when one comes or goes. */
export function getChildren(path: string, watch: boolean): Request<string[]> {
  return {
    what: `getChildren ${path}`,
    encode: (xid) => head(xid, OPCODE.getChildren2).text(path).bool(watch).packet(),
    decode: (reply) => reply.texts(),
  };
}

/** After it, reads on this connection see all that was written before it anywhere. */
export function sync(path: string): Request<void> {
  return {
    what: `sync ${path}`,
    encode: (xid) => head(xid, OPCODE.sync).text(path).packet(),
    decode: () => undefined,
  };
}

/** Watches a node and all below it until the connection ends. Servers before 3.6 answer Unimplemented. */
export function addTreeWatch(path: string): Request<void> {
  return {
    what: `addWatch ${path}`,
    encode: (xid) => head(xid, OPCODE.addWatch).text(path).int(PERSISTENT_RECURSIVE).packet(),
    decode: () => undefined,
  };
}

export function removeTreeWatch(path: string): Request<void> {
  return {
    what: `removeWatches ${path}`,
    encode: (xid) => head(xid, OPCODE.removeWatches).text(path).int(ANY_WATCHER).packet(),
    decode: () => undefined,
  };
}

export function closeSession(): Request<void> {
  return {
    what: "closeSession",
    encode: (xid) => head(xid, OPCODE.closeSession).packet(),
    decode: () => undefined,
  };
}

export function pingPacket(): Buffer {
  return head(XID.ping, OPCODE.ping).packet();
}

/** `scheme` "digest" with `user:password`. */
export function authPacket(scheme: string, credentials: Uint8Array): Buffer {
  return head(XID.auth, OPCODE.auth).int(0).text(scheme).buffer(credentials).packet();
}

export interface ConnectRequest {
  /** Servers that know less than this refuse, so that nobody goes back in time. */
  readonly lastZxid: bigint;
  readonly timeoutMs: number;
  /** 0 asks for a new session. */
  readonly sessionId: bigint;
  readonly password: Uint8Array;
}

export function connectPacket(request: ConnectRequest): Buffer {
  const writer = new JuteWriter().int(0).long(request.lastZxid).int(request.timeoutMs);
  // The last field says whether a server without a quorum would do: never, for it can't write.
  return writer.long(request.sessionId).buffer(request.password).bool(false).packet();
}

export interface ConnectReply {
  /** As the server has it; 0 when the session is no more. */
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Buffer;
}

export function readConnectReply(packet: Uint8Array): ConnectReply {
  const reader = new JuteReader(packet);
  reader.int();
  const timeoutMs = reader.int();
  return { timeoutMs, sessionId: reader.long(), password: Buffer.from(reader.buffer()) };
}

export interface ReplyHead {
  readonly xid: number;
  /** The last transaction the server had seen; not positive where it says nothing about that. */
  readonly zxid: bigint;
  /** 0 when it was done. */
  readonly error: number;
}

export function readReplyHead(reader: JuteReader): ReplyHead {
  return { xid: reader.int(), zxid: reader.long(), error: reader.int() };
}

export function readWatchEvent(reader: JuteReader): WatchEvent {
  const kind = EVENT_KINDS[reader.int()] ?? "other";
  reader.int();
  return { kind, path: reader.text() };
}

const EVENT_KINDS: Readonly<Record<number, WatchEvent["kind"]>> = {
  1: "created",
  2: "deleted",
  3: "changed",
  4: "children",
};
const PERSISTENT_RECURSIVE = 1;
const ANY_WATCHER = 3;
const CREATE_FLAGS: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  "ephemeral-sequential": 3,
};

function head(xid: number, opcode: number): JuteWriter {
  return new JuteWriter().int(xid).int(opcode);
}

function multiHead(writer: JuteWriter, opcode: number, done: boolean): JuteWriter {
  return writer.int(opcode).bool(done).int(-1);
}

function writeCreate(
  writer: JuteWriter,
  path: string,
  data: Uint8Array,
  acl: readonly Acl[],
  mode: CreateMode,
): JuteWriter {
  writer.text(path).buffer(data).int(acl.length);
  for (const { permissions, scheme, id } of acl) writer.int(permissions).text(scheme).text(id);
  return writer.int(CREATE_FLAGS[mode]);
}

function readStat(reader: JuteReader): Stat {
  const createdZxid = reader.long();
  reader.long(); // mzxid
  reader.long(); // ctime
  reader.long(); // mtime
  const version = reader.int();
  reader.int(); // cversion
  reader.int(); // aversion
  const ephemeralOwner = reader.long();
  reader.int(); // dataLength
  reader.int(); // numChildren
  reader.long(); // pzxid
  return { createdZxid, version, ephemeralOwner };
}
