/**
 * `@grpc/grpc-js` with its defaults and protobuf-es as its codec. The server writes until the stream is full
 * and goes on when it drains; the client listens for `data`, which is quicker there than `for await`.
 */
import * as grpc from "@grpc/grpc-js";
import type { WatchResponse, WatchRequest } from "../../gen/bench/v1/ticks_pb.ts";
import { asBuffer } from "../../harness/as-buffer.ts";
import { bindGrpcJs } from "../../harness/bind-grpc-js.ts";
import { decodeRequest, decodeTick, encodeRequest, encodeTick, tickMessage, watchPath } from "../codec.ts";
import type { StreamPeer } from "../suite.ts";

const definition = {
  watch: {
    path: watchPath,
    requestStream: false,
    responseStream: true,
    requestSerialize: (request: WatchRequest) => asBuffer(encodeRequest(request)),
    requestDeserialize: decodeRequest,
    responseSerialize: (tick: WatchResponse) => asBuffer(encodeTick(tick)),
    responseDeserialize: decodeTick,
  },
} satisfies grpc.ServiceDefinition;

export const peer: StreamPeer = {
  async startServer() {
    const server = new grpc.Server();
    const watch: grpc.handleServerStreamingCall<WatchRequest, WatchResponse> = (call) => {
      const { count } = call.request;
      let sequence = 0;
      const writeOn = () => {
        while (sequence < count) {
          if (!call.write(tickMessage(sequence++))) {
            call.once("drain", writeOn);
            return;
          }
        }
        call.end();
      };
      writeOn();
    };
    server.addService(definition, { watch });
    return bindGrpcJs(server);
  },

  async connect(port) {
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = definition.watch;
    return {
      watch: (request, onTick) =>
        new Promise<void>((resolve, reject) => {
          const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
          call.on("data", onTick);
          call.on("end", resolve);
          call.on("error", reject);
        }),
      close: async () => client.close(),
    };
  },
};
