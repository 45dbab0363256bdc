/**
 * One peer under test: a serving process, a calling process and, for a peer that uses one, a registry
 * process before both. They are started together and stopped in reverse order.
 */
import { createAuthority } from "../../test/kit/certificates.ts";
import { type Child, startChild } from "./child.ts";
import { loadPeer, type PeerCertificates, type PeerSetting, type SuiteName } from "./suite.ts";

export interface Pair extends AsyncDisposable {
  readonly client: Child;
  readonly server: Child;
}

export interface PairOptions {
  readonly maxInflight: number;
  readonly nodeFlags?: readonly string[];
}

export async function startPair(suite: SuiteName, name: string, options: PairOptions): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const { usesRegistry, usesTls } = await loadPeer(suite, name);
  const registry = usesRegistry ? stack.use(await startChild("registry.ts", [])) : undefined;
  const setting: PeerSetting = {
    registryAddress: registry ? String(registry.greeting) : "",
    maxInflight: options.maxInflight,
    ...(usesTls ? { tls: createCertificates() } : {}),
  };
  const flags = options.nodeFlags ? { nodeFlags: options.nodeFlags } : {};
  const args = [suite, name, JSON.stringify(setting)];
  const server = stack.use(await startChild("server.ts", args, flags));
  const client = stack.use(await startChild("client.ts", [...args, String(server.greeting)], flags));
  const owned = stack.move();
  return { client, server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function createCertificates(): PeerCertificates {
  const authority = createAuthority("Benchmark");
  return { ca: authority.cert, ...authority.issue() };
}
