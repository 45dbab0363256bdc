/**
 * The tls suite: the calls of the rpc suite with mutual TLS beside the same without, so that the ratio of the two is
 * what encryption and certificates cost. The level is the number of calls in flight.
 */
import type { Suite } from "../harness/suite.ts";
import { type RpcClient, type RpcPeer, suite as rpc } from "../rpc/suite.ts";

export const suite = {
  ...rpc,
  peers: {
    heddle: rpc.peers["heddle-transport"],
    "heddle-mtls": () => withTls(rpc.peers["heddle-transport"]),
    "grpc-js": rpc.peers["grpc-js"],
    "grpc-js-mtls": () => withTls(rpc.peers["grpc-js"]),
  },
  ratios: [
    ["heddle-mtls", "heddle"],
    ["grpc-js-mtls", "grpc-js"],
    ["heddle-mtls", "grpc-js-mtls"],
    ["heddle", "grpc-js"],
  ],
} satisfies Suite<RpcClient>;

async function withTls(load: () => Promise<{ peer: RpcPeer }>): Promise<{ peer: RpcPeer }> {
  return { peer: { ...(await load()).peer, usesTls: true } };
}
