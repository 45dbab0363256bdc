/** The stream suite: server streaming of small messages; the level is the number of streams read at once. */
import { create } from "@bufbuild/protobuf";
import { type WatchResponse, type WatchRequest, WatchRequestSchema } from "../gen/bench/v1/ticks_pb.ts";
import type { Peer, PeerClient, Suite } from "../harness/suite.ts";
import { ticksPerStream } from "./ticks.ts";

export interface StreamClient extends PeerClient {
  /** Reads one stream to its end and resolves then; each message is handed over as it comes. */
  watch(request: WatchRequest, onTick: (tick: WatchResponse) => void): Promise<void>;
}

export type StreamPeer = Peer<StreamClient>;

/** The clock is read once for so many messages: a reading costs a good part of what a message does. */
const ticksPerReading = 50;

export const suite = {
  peers: {
    heddle: () => import("./peers/heddle.ts"),
    "grpc-js": () => import("./peers/grpc-js.ts"),
    "connect-node": () => import("./peers/connect-node.ts"),
    "node-http2": () => import("./peers/node-http2.ts"),
  },

  inflightAt: (streams) => streams,

  toOperation(client) {
    const request = create(WatchRequestSchema, { count: ticksPerStream });
    return async (done) => {
      let next = 0;
      await client.watch(request, (tick) => {
        if (tick.sequence !== next) throw new Error(`tick ${tick.sequence} came instead of ${next}`);
        next++;
        if (next % ticksPerReading === 0) done(ticksPerReading);
      });
      if (next !== ticksPerStream) throw new Error(`a stream ended after ${next} ticks`);
    };
  },
} satisfies Suite<StreamClient>;
