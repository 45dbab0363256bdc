/**
 * Follows the instances of one name. One watch on the subtree tells which node came, changed or went, and that node alone
 * is read: a change costs the same with five instances as with five thousand. An attempt lives as long as one connection,
 * because persistent watches don't tell what happened between two of them; the next attempt lists everything again.
 *
 * Servers before 3.6 have only watches that fire once. There each read asks for the next one, and a change of the list of
 * children means reading the list.
 */
import type { Runtime } from "../../runtime/runtime.ts";
import { registryRefusal } from "../registry-error.ts";
import type { Source, SourceUpdate } from "../source.ts";
import { invalidTarget, type Target } from "../target.ts";
import { refuseTargetOptions } from "../target-options.ts";
import { createBell } from "../waiting/bell.ts";
import { inParallel } from "../waiting/in-parallel.ts";
import type { Connection } from "./connection.ts";
import type { Layout } from "./layout.ts";
import { createMemberSet, type MemberOfNode } from "./member-set.ts";
import { pathOfName } from "./node-path.ts";
import { exists, getChildren, getData, sync, type WatchEvent } from "./protocol.ts";
import type { Session } from "./session.ts";
import { watchTree } from "./tree-watch.ts";
import { isZookeeperError } from "./zookeeper-error.ts";

export interface ZookeeperSourceOptions {
  readonly session: Session;
  readonly layout: Layout;
  /** The path under which names stand; "" is the root. */
  readonly base: string;
  /** The registry, for errors. */
  readonly registry: string;
  readonly runtime: Pick<Runtime, "timers">;
  /** The session's timeout as it is asked for, in ms. */
  readonly silenceMs: number;
  /** Told once of each node that should be an instance and makes no sense, or can't be read. */
  readonly onWarning: (message: string, cause?: unknown) => void;
}

export function createZookeeperSource(options: ZookeeperSourceOptions): Source {
  const { session, layout, base, registry, runtime, silenceMs, onWarning } = options;
  const hostsWithoutTreeWatches = new Set<string>();
  const warned = new Set<string>();

  function read(path: string, node: string, data: Buffer, name: string) {
    try {
      return layout.read(node, data, name);
    } catch (cause) {
      warn(path, `is no instance: ${(cause as Error).message}`, cause);
      return undefined;
    }
  }

  function warn(path: string, what: string, cause: unknown): void {
    if (warned.has(path) || warned.size >= MAX_WARNED) return;
    warned.add(path);
    onWarning(`the node ${path} of ${registry} ${what}`, cause);
  }

  async function addWatch(connection: Connection, path: string): Promise<Disposable> {
    try {
      return await watchTree(connection, path);
    } catch (error) {
      if (isZookeeperError(error, "Unimplemented")) hostsWithoutTreeWatches.add(connection.host);
      throw error;
    }
  }

  async function* follow(target: Target, path: string, signal: AbortSignal): AsyncGenerator<SourceUpdate> {
    const { connection } = await session.attach(signal);
    const members = createMemberSet();
    const changed = new Set<string>();
    const watchOnce = hostsWithoutTreeWatches.has(connection.host);
    /** Their being there is all that we may know. */
    const unreadable = new Set<string>();
    let listIsOld = true;
    let isAlive = true;

    using bell = createBell(AbortSignal.any([signal, connection.ended]), runtime.timers);
    using _events = connection.onEvent(path, (event: WatchEvent) => {
      const node = event.path.slice(path.length + 1);
      if (node === "") listIsOld ||= watchOnce;
      else if (!node.includes("/")) changed.add(node);
      bell.ring();
    });
    using _pongs = connection.onPong(() => {
      isAlive = true;
      bell.ring();
    });
    using _watch = watchOnce ? undefined : await addWatch(connection, path);

    async function list(): Promise<string[]> {
      for (;;) {
        try {
          return await connection.request(getChildren(path, watchOnce));
        } catch (error) {
          if (!isZookeeperError(error, "NoNode")) throw error;
        }
        if (!watchOnce || !(await isThere())) return [];
      }
    }

    async function isThere(): Promise<boolean> {
      try {
        await connection.request(exists(path, true));
        return true;
      } catch (error) {
        if (isZookeeperError(error, "NoNode")) return false;
        throw error;
      }
    }

    async function readNode(node: string): Promise<MemberOfNode | undefined> {
      const nodePath = `${path}/${node}`;
      unreadable.delete(node);
      try {
        const { data, stat } = await connection.request(getData(nodePath, watchOnce));
        const member = read(nodePath, node, data, target.name);
        return member && { ...member, createdZxid: stat.createdZxid };
      } catch (error) {
        // It went between the list, or the event, and now.
        if (isZookeeperError(error, "NoNode")) return undefined;
        if (!isZookeeperError(error, "NoAuth")) throw error;
        unreadable.add(node);
        warn(nodePath, "can't be read with the credentials in the registry's URL", error);
        return undefined;
      }
    }

    const readNodes = (nodes: readonly string[]) =>
      inParallel(nodes, READS_AT_ONCE, async (node) => members.put(node, await readNode(node)));

    async function readList(): Promise<void> {
      const listed = new Set(await list());
      const known = new Set(members.nodes);
      for (const node of known) if (!listed.has(node)) members.put(node, undefined);
      await readNodes([...listed].filter((node) => !known.has(node)));
    }

    // Another client's write may have reached the leader and not this server.
    await connection.request(sync(path));
    for (let isFirst = true; ; ) {
      if (isAlive) {
        isAlive = false;
        yield { kind: "alive", silenceMs: connection.timeoutMs };
      }
      if (listIsOld) {
        listIsOld = false;
        await readList();
      }
      if (changed.size > 0) {
        const nodes = [...changed];
        changed.clear();
        await readNodes(nodes);
      }
      if (isFirst) {
        isFirst = false;
        yield { kind: "snapshot", endpoints: members.endpoints(), complete: unreadable.size === 0 };
      } else {
        const { upserted, removed } = members.takeChanges();
        if (upserted.length + removed.length > 0) yield { kind: "delta", upserted, removed };
      }
      await bell.wait();
      signal.throwIfAborted();
      connection.ended.throwIfAborted();
    }
  }

  return {
    scheme: "zookeeper",
    silenceMs,
    async *open(target, signal) {
      refuseTargetOptions(target, "zookeeper");
      const path = pathOfName(base, target.name);
      if (path === undefined)
        throw invalidTarget(
          target,
          "a path of ZooKeeper has no empty parts, no . and .., and no control characters",
        );
      try {
        yield* follow(target, path, signal);
      } catch (error) {
        if (!isZookeeperError(error, "NoAuth") && !isZookeeperError(error, "AuthFailed")) throw error;
        throw registryRefusal(registry, error);
      }
    },
  };
}

/** Reads under way for one target. They share one connection, so more would only queue in the server. */
const READS_AT_ONCE = 64;
const MAX_WARNED = 1_000;
