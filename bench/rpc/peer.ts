/**
 * What the benchmark asks of every contestant.
 *
 * A peer is one file under `peers/`. It serves `OrderService.PlaceOrder` in one process and calls it
 * from another; the harness owns the processes, the load and the clock, so that a peer holds nothing
 * but the code a user of that library would write. Peers are loaded by name and on demand: a library
 * that cannot be loaded fails its own run with its own error.
 */
import type { PlaceOrderRequest } from "../gen/bench/v1/orders_pb.ts";

export interface Peer {
  /** A third process holds a registry, and both ends are given its address. Default: no registry. */
  readonly usesRegistry?: boolean;
  /** Listens on a loopback port that the operating system picks. */
  startServer(setting: PeerSetting): Promise<RunningServer>;
  /** Opens the one client that carries all calls. */
  connect(port: number, setting: PeerSetting): Promise<PeerClient>;
}

export interface PeerSetting {
  /** `host:port` of the registry process; empty for peers without one. */
  readonly registryAddress: string;
  /** The most calls that will be in flight at once; a connection pool is sized by it. */
  readonly maxInflight: number;
}

export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface PeerClient {
  /** Makes one call. The caller compares the order id of the answer with the one it sent. */
  call(request: PlaceOrderRequest): Promise<{ readonly orderId: string }>;
  close(): Promise<void>;
}

const loaders = {
  heddle: () => import("./peers/heddle.ts"),
  "heddle-transport": () => import("./peers/heddle-transport.ts"),
  "grpc-js": () => import("./peers/grpc-js.ts"),
  "connect-node": () => import("./peers/connect-node.ts"),
  "node-http2": () => import("./peers/node-http2.ts"),
  "http-json": () => import("./peers/http-json.ts"),
  ceiling: () => import("./peers/ceiling.ts"),
} satisfies Record<string, () => Promise<{ peer: Peer }>>;

export type PeerName = keyof typeof loaders;

/** Every peer, in the order in which a round visits them. */
export const peerNames = Object.keys(loaders) as PeerName[];

export function isPeerName(name: string): name is PeerName {
  return Object.hasOwn(loaders, name);
}

/** @throws Error naming the peer, with the cause kept, when its library cannot be loaded. */
export async function loadPeer(name: PeerName): Promise<Peer> {
  try {
    return (await loaders[name]()).peer;
  } catch (cause) {
    throw new Error(`peer ${name} cannot be loaded`, { cause });
  }
}
