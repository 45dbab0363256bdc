/**
 * gRPC server streaming on `node:http2` by hand: one write per message, messages cut out of what arrives, status
 * and trailers checked, and nothing more.
 */
import type { ServerHttp2Stream } from "node:http2";
import {
  connectByHand,
  frame,
  okTrailers,
  prefixBytes,
  rawRequestHeaders,
  respondOptions,
  responseHeaders,
  serveByHand,
} from "../../harness/by-hand.ts";
import { decodeRequest, decodeTick, encodeRequest, encodeTick, tickMessage, watchPath } from "../codec.ts";
import type { StreamPeer } from "../suite.ts";

export const peer: StreamPeer = {
  startServer: () =>
    serveByHand(watchPath, (stream) => {
      readMessages(stream, (message) => sendTicks(stream, decodeRequest(message).count));
    }),

  async connect(port) {
    const session = await connectByHand(port);
    const headers = rawRequestHeaders(watchPath, port);
    return {
      watch: (request, onTick) =>
        new Promise((resolve, reject) => {
          const stream = session.request(headers, { endStream: false });
          let grpcStatus: unknown;
          stream.on("trailers", (trailers) => {
            grpcStatus = trailers["grpc-status"];
          });
          readMessages(stream, (message) => onTick(decodeTick(message)));
          stream.on("end", () => {
            if (grpcStatus === "0") resolve();
            else reject(new Error(`node-http2 answered gRPC ${String(grpcStatus)}`));
          });
          stream.on("error", reject);
          stream.end(frame(encodeRequest(request)));
        }),
      close: async () => session.destroy(),
    };
  },
};

function sendTicks(stream: ServerHttp2Stream, count: number): void {
  stream.on("wantTrailers", () => stream.sendTrailers(okTrailers));
  stream.respond(responseHeaders as never, respondOptions);
  let sequence = 0;
  const writeOn = () => {
    while (sequence < count) {
      if (!stream.write(frame(encodeTick(tickMessage(sequence++))))) {
        stream.once("drain", writeOn);
        return;
      }
    }
    stream.end();
  };
  writeOn();
}

function readMessages(stream: NodeJS.ReadableStream, onMessage: (message: Buffer) => void): void {
  let rest: Buffer | undefined;
  stream.on("data", (data: Buffer) => {
    const chunk = rest ? Buffer.concat([rest, data]) : data;
    let at = 0;
    while (chunk.length - at >= prefixBytes) {
      const end = at + prefixBytes + chunk.readUInt32BE(at + 1);
      if (end > chunk.length) break;
      onMessage(chunk.subarray(at + prefixBytes, end));
      at = end;
    }
    rest = at < chunk.length ? chunk.subarray(at) : undefined;
  });
}
