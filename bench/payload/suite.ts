/**
 * The payload suite: a unary call that carries one large message there and back; the level is the size of the
 * message in bytes. A few calls are in flight, so that neither end waits for the other.
 */
import { create } from "@bufbuild/protobuf";
import { type EchoRequest, EchoRequestSchema, type EchoResponse } from "../gen/bench/v1/blobs_pb.ts";
import type { Peer, PeerClient, Suite } from "../harness/suite.ts";

export interface PayloadClient extends PeerClient {
  echo(request: EchoRequest): Promise<EchoResponse>;
}

export type PayloadPeer = Peer<PayloadClient>;

/** Left out of the blob, so that the whole message with its field's tag and length stays within its size. */
const fieldOverheadBytes = 8;

export const suite = {
  peers: {
    heddle: () => import("./peers/heddle.ts"),
    "grpc-js": () => import("./peers/grpc-js.ts"),
    "connect-node": () => import("./peers/connect-node.ts"),
  },

  inflightAt: () => 4,

  toOperation(client, messageBytes, slot) {
    const blob = new Uint8Array(messageBytes - fieldOverheadBytes).map((_, at) => (at * 31 + slot) & 255);
    const request = create(EchoRequestSchema, { blob });
    return async (done) => {
      const { blob: echoed } = await client.echo(request);
      if (echoed.length !== blob.length || echoed[0] !== blob[0] || echoed.at(-1) !== blob.at(-1))
        throw new Error(`an echo of ${echoed.length} bytes differs from the ${blob.length} that were sent`);
      done(1);
    };
  },
} satisfies Suite<PayloadClient>;
