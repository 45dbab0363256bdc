/**
 * Keeps an instance registered: one ephemeral node under each of its names, all of the process's one session. A hold lasts
 * as long as the session's lease. A connection that is lost ends nothing; the next one is only used to look whether
 * everything is still as it should be. Watches on our own nodes tell when somebody else removed or changed one.
 *
 * A node that stands there already is ours from an earlier session (the ensemble ends that later than the process came
 * back), or somebody else's. It is deleted and made again in one transaction, unless a newer life of the process wrote it.
 */
import type { Runtime } from "../../runtime/runtime.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Hold, type Holder, namesToRegister, RegistrationRefused } from "../holder.ts";
import { createBell } from "../waiting/bell.ts";
import type { Layout } from "./layout.ts";
import { pathOfName } from "./node-path.ts";
import { createOwnNode, type OwnNode } from "./own-node.ts";
import type { Acl } from "./protocol.ts";
import type { Attached, Session } from "./session.ts";
import { ZookeeperConnectionError, ZookeeperError } from "./zookeeper-error.ts";

export interface ZookeeperHolderOptions {
  readonly session: Session;
  readonly layout: Layout;
  /** The path under which names stand; "" is the root. */
  readonly base: string;
  readonly acl: readonly Acl[];
  readonly incarnation: bigint;
  readonly runtime: Pick<Runtime, "timers">;
}

export function createZookeeperHolder(options: ZookeeperHolderOptions): Holder {
  const { session, layout, base, acl, incarnation, runtime } = options;
  /** By instance and path of its name. They outlive a hold: the session may outlive it too. */
  const nodes = new Map<string, OwnNode>();

  function nodesOf(instance: Endpoint): readonly OwnNode[] {
    return namesToRegister(instance).map((name) => {
      const folder = pathOfName(base, name);
      if (folder === undefined) throw new RegistrationRefused(`"${name}" can't be a path of ZooKeeper`);
      const key = `${folder}\n${instance.id}`;
      const node = nodes.get(key) ?? createOwnNode({ folder, name, layout, acl, incarnation });
      nodes.set(key, node);
      return node;
    });
  }

  async function write(hold: Hold, { connection }: Attached, watched: DisposableStack, ring: () => void) {
    const { instance } = hold;
    await Promise.all(
      nodesOf(instance).map(async (node) => {
        const path = await node.put(connection, instance);
        watched.use(connection.onEvent(path, ring));
      }),
    );
  }

  async function hold(hold: Hold): Promise<never> {
    let attached = await session.attach(hold.signal);
    const { lease } = attached;
    const over = AbortSignal.any([hold.signal, lease]);
    using bell = createBell(over, runtime.timers);
    const changes = ringAtChanges(hold, bell.ring);
    changes.catch(() => {});
    for (;;) {
      try {
        using watched = new DisposableStack();
        const { ended } = attached.connection;
        ended.addEventListener("abort", bell.ring, { once: true });
        watched.defer(() => ended.removeEventListener("abort", bell.ring));
        await write(hold, attached, watched, bell.ring);
        hold.registered();
        if (!ended.aborted) await bell.wait();
      } catch (error) {
        if (!(error instanceof ZookeeperConnectionError)) throw asRefusal(error);
      }
      over.throwIfAborted();
      if (attached.connection.ended.aborted) attached = await attachAgain(over);
      if (attached.lease !== lease) throw lease.reason;
    }
  }

  /** The next connection of the same session: what fails meanwhile is no loss until the lease ends. */
  async function attachAgain(over: AbortSignal): Promise<Attached> {
    for (;;) {
      try {
        return await session.attach(over);
      } catch {
        over.throwIfAborted();
      }
    }
  }

  return {
    hold,
    async release(instance, signal) {
      const { connection } = await session.attach(signal);
      const given = nodesOf(instance);
      await Promise.all(given.map((node) => node.take(connection, instance)));
      for (const [key, node] of nodes) if (given.includes(node)) nodes.delete(key);
    },
  };
}

/** Somebody may have removed a node without our being told: looked after so often, in ms. */
const VERIFY_MS = 60_000;

async function ringAtChanges(hold: Hold, ring: () => void): Promise<never> {
  for (;;) {
    await hold.next(VERIFY_MS);
    ring();
  }
}

/** What the same instance will meet again. */
function asRefusal(error: unknown): unknown {
  const isRefusal =
    error instanceof ZookeeperError &&
    ["NoAuth", "InvalidAcl", "BadArguments", "AuthFailed"].includes(error.code);
  return isRefusal ? new RegistrationRefused(error.message, { cause: error }) : error;
}
