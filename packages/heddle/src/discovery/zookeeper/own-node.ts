/**
 * One node of ours: made, looked after, and taken away. Every step may find that somebody else was there first, so each
 * looks, then writes on condition of what it saw, and looks again.
 */
import type { Endpoint } from "../endpoint.ts";
import { refuseNewerOwner } from "../holder.ts";
import { inParallel } from "../waiting/in-parallel.ts";
import type { Connection } from "./connection.ts";
import type { Layout, Member } from "./layout.ts";
import { parentOf } from "./node-path.ts";
import {
  type Acl,
  create,
  getChildren,
  getData,
  type NodeData,
  remove,
  replace,
  setData,
} from "./protocol.ts";
import { isZookeeperError, ZookeeperConnectionError } from "./zookeeper-error.ts";

export interface OwnNode {
  /** Makes the node be there and say this, and watches it once. Resolves with its path. */
  put(connection: Connection, instance: Endpoint): Promise<string>;
  /** Deletes it if it is this session's or this incarnation's. */
  take(connection: Connection, instance: Endpoint): Promise<void>;
}

export interface OwnNodeOptions {
  /** The path of the name, which is made when it isn't there. */
  readonly folder: string;
  readonly name: string;
  readonly layout: Layout;
  readonly acl: readonly Acl[];
  readonly incarnation: bigint;
}

export function createOwnNode({ folder, name, layout, acl, incarnation }: OwnNodeOptions): OwnNode {
  const isSequential = layout.mode === "ephemeral-sequential";
  /** Where it is, or was last; undefined while a sequential one has no number. */
  let path: string | undefined;
  /** A create was sent and its answer never came: a sequential node may stand there under a number that nobody told us. */
  let isUnsure = false;

  async function put(connection: Connection, instance: Endpoint): Promise<string> {
    const data = layout.write(instance, name, incarnation);
    const wanted = `${folder}/${layout.nodeOf(instance)}`;
    if (isSequential && isUnsure) await search(connection, instance.id);
    path ??= (await unlessOvertaken(make(connection, wanted, data))) ?? wanted;
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const seen = await look(connection, path);
      const owner = seen?.stat.ephemeralOwner;
      if (seen !== undefined && owner === connection.sessionId) {
        if (seen.data.equals(data)) return path;
        await unlessOvertaken(connection.request(setData(path, data, seen.stat.version)));
        continue;
      }
      const there = seen && readMember(path, seen.data);
      if (seen === undefined || (isSequential && there?.endpoint.id !== instance.id)) {
        // A number can be given again when the folder was made anew: then the node is another's.
        path = (await unlessOvertaken(make(connection, wanted, data))) ?? path;
        continue;
      }
      refuseNewerOwner(instance.id, there?.incarnation, incarnation);
      const old: { path: string; version: number } = { path, version: seen.stat.version };
      const made = { path: wanted, data, mode: layout.mode };
      path = (await unlessOvertaken(answered(connection.request(replace(old, made, acl))))) ?? path;
    }
    throw new Error(`others keep changing ${path}`);
  }

  function readMember(at: string, data: Buffer): Member | undefined {
    try {
      return layout.read(at.slice(folder.length + 1), data, name);
    } catch {
      return undefined;
    }
  }

  async function make(connection: Connection, wanted: string, data: Buffer): Promise<string> {
    for (;;) {
      try {
        return await answered(connection.request(create(wanted, data, acl, layout.mode)));
      } catch (error) {
        if (!isZookeeperError(error, "NoNode")) throw error;
      }
      await makeFolder(connection, folder, acl);
    }
  }

  /** What a create resolves with. If its answer is lost, it may have made a node all the same. */
  async function answered(creation: Promise<string>): Promise<string> {
    try {
      return await creation;
    } catch (error) {
      isUnsure ||= error instanceof ZookeeperConnectionError;
      throw error;
    }
  }

  /** Looks for the node that an unanswered create may have made. */
  async function search(connection: Connection, id: string): Promise<void> {
    const children = await connection.request(getChildren(folder, false)).catch(noneIfAbsent);
    await inParallel(children ?? [], READS_AT_ONCE, async (child) => {
      const at = `${folder}/${child}`;
      const seen = await connection.request(getData(at, false)).catch(noneIfAbsent);
      if (seen?.stat.ephemeralOwner !== connection.sessionId) return;
      if (readMember(at, seen.data)?.endpoint.id === id) path = at;
    });
    isUnsure = false;
  }

  async function take(connection: Connection, instance: Endpoint): Promise<void> {
    if (isSequential && isUnsure) await search(connection, instance.id);
    const at = path ?? (isSequential ? undefined : `${folder}/${layout.nodeOf(instance)}`);
    for (let looks = 0; at !== undefined && looks < MAX_LOOKS; looks++) {
      const seen = await connection.request(getData(at, false)).catch(noneIfAbsent);
      if (seen === undefined) return;
      const there = readMember(at, seen.data);
      const isOurs =
        seen.stat.ephemeralOwner === connection.sessionId ||
        (there?.endpoint.id === instance.id && there.incarnation === incarnation);
      if (!isOurs) return;
      if (
        (await unlessOvertaken(connection.request(remove(at, seen.stat.version)).then(() => true))) === true
      )
        return;
    }
  }

  return { put, take };
}

/** Makes a path of persistent nodes. Others may be making the same. */
async function makeFolder(connection: Connection, folder: string, acl: readonly Acl[]): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await connection.request(create(folder, new Uint8Array(), acl, "persistent"));
      return;
    } catch (error) {
      if (isZookeeperError(error, "NodeExists")) return;
      const parent = parentOf(folder);
      if (!isZookeeperError(error, "NoNode") || parent === "" || tries === MAX_LOOKS) throw error;
      await makeFolder(connection, parent, acl);
    }
  }
}

function look(connection: Connection, path: string): Promise<NodeData | undefined> {
  return connection.request(getData(path, true)).catch(noneIfAbsent);
}

function noneIfAbsent(error: unknown): undefined {
  if (!isZookeeperError(error, "NoNode")) throw error;
}

/** Undefined when somebody else was quicker: then it is looked at again. */
async function unlessOvertaken<Value>(write: Promise<Value>): Promise<Value | undefined> {
  try {
    return await write;
  } catch (error) {
    if (OVERTAKEN.some((code) => isZookeeperError(error, code))) return undefined;
    throw error;
  }
}

const OVERTAKEN = ["NoNode", "NodeExists", "BadVersion"] as const;
/** Each look means that somebody else changed the node between our look and our write. */
const MAX_LOOKS = 10;
const READS_AT_ONCE = 64;
