/**
 * Connections inside one process: `memory:orders` is an address like any other, with the whole stack on top
 * and a pair of in-memory streams below. For tests, and for several services in one process.
 */
import { type Duplex, duplexPair } from "node:stream";

const listeners = new Map<string, (socket: Duplex) => void>();

/** Listens at `memory:name`; false when the name is taken. */
export function listenInMemory(name: string, onConnection: (socket: Duplex) => void): boolean {
  if (listeners.has(name)) return false;
  listeners.set(name, onConnection);
  return true;
}

export function closeInMemory(name: string): void {
  listeners.delete(name);
}

/** Connects to `memory:name`; undefined when nobody listens there. */
export function connectInMemory(name: string): Duplex | undefined {
  const onConnection = listeners.get(name);
  if (onConnection === undefined) return undefined;
  const [ours, theirs] = duplexPair();
  onConnection(theirs);
  return ours;
}
