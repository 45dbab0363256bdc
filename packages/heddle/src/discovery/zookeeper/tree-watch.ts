/**
 * Watches on whole subtrees, one for each path of a connection however many are interested: the server keeps a watch once
 * for each connection, and taking it away takes it from all.
 */
import type { Connection } from "./connection.ts";
import { addTreeWatch, removeTreeWatch } from "./protocol.ts";

/** Resolves once the server watches. Rejects with Unimplemented at servers before 3.6, which then hang up. */
export async function watchTree(connection: Connection, path: string): Promise<Disposable> {
  const watches = watchesOf.get(connection) ?? new Map<string, TreeWatch>();
  watchesOf.set(connection, watches);
  const watch = watches.get(path) ?? { users: 0, added: connection.request(addTreeWatch(path)) };
  watches.set(path, watch);
  watch.users++;
  const leave = () => {
    watch.users--;
    if (watch.users > 0 || watches.get(path) !== watch) return;
    watches.delete(path);
    // Nobody listens any more; what the server says to it, or a connection that ends, changes nothing.
    if (!connection.ended.aborted) connection.request(removeTreeWatch(path)).catch(() => {});
  };
  try {
    await watch.added;
  } catch (error) {
    watches.delete(path);
    throw error;
  }
  return { [Symbol.dispose]: leave };
}

interface TreeWatch {
  users: number;
  readonly added: Promise<void>;
}

const watchesOf = new WeakMap<Connection, Map<string, TreeWatch>>();
