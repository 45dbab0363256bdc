/**
 * One peer under test: a serving process, a calling process and, for a peer that uses one, a registry
 * process before both. They are started together and stopped in reverse order.
 */
import { type Child, startChild } from "./child.ts";
import { loadPeer, type PeerName, type PeerSetting } from "./peer.ts";

export interface Pair extends AsyncDisposable {
  readonly client: Child;
  readonly server: Child;
}

export interface PairOptions {
  readonly maxInflight: number;
  readonly nodeFlags?: readonly string[];
}

export async function startPair(name: PeerName, options: PairOptions): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const { usesRegistry } = await loadPeer(name);
  const registry = usesRegistry ? stack.use(await startChild("registry.ts", [])) : undefined;
  const setting: PeerSetting = {
    registryAddress: registry ? String(registry.greeting) : "",
    maxInflight: options.maxInflight,
  };
  const flags = options.nodeFlags ? { nodeFlags: options.nodeFlags } : {};
  const json = JSON.stringify(setting);
  const server = stack.use(await startChild("server.ts", [name, json], flags));
  const client = stack.use(await startChild("client.ts", [name, json, String(server.greeting)], flags));
  const owned = stack.move();
  return { client, server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
