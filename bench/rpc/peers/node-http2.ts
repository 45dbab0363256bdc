/**
 * gRPC on `node:http2` by hand: what a careful author gets out of Node's own HTTP/2 without a library.
 *
 * The core API ('stream' events, no compatibility layer), raw header arrays in both directions, one
 * write per message with its five-byte prefix in place, windows too large to matter, many concurrent
 * streams, one session. It checks what gRPC demands of a unary call (status 200, one whole message,
 * `grpc-status: 0` in the trailers) and nothing more: no deadline, no metadata, no retry.
 */
import { once } from "node:events";
import * as http2 from "node:http2";
import type { PlaceOrderResponse } from "../../gen/bench/v1/orders_pb.ts";
import {
  answerOrder,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  placeOrderPath,
} from "../codec.ts";
import { closeHttp2Server, listenOnLoopback } from "../listen.ts";
import type { Peer } from "../peer.ts";

const prefixBytes = 5;
const windowBytes = 16 * 1024 * 1024;
const settings: http2.Settings = {
  initialWindowSize: windowBytes,
  maxConcurrentStreams: 1_000,
  enablePush: false,
};

const responseHeaders = [":status", "200", "content-type", "application/grpc"];
const okTrailers = { "grpc-status": "0" };
const respondOptions = { waitForTrailers: true };
const requestOptions = { endStream: false };

export const peer: Peer = {
  async startServer() {
    const { enablePush: _clientOnly, ...serverSettings } = settings;
    const server = http2.createServer({ settings: serverSettings });
    const close = closeHttp2Server(server);
    server.on("session", (session) => session.setLocalWindowSize(windowBytes));
    server.on("stream", (stream, headers) => {
      if (headers[":path"] !== placeOrderPath) {
        stream.respond({ ":status": 200, "grpc-status": "12" }, { endStream: true });
        return;
      }
      let received: Buffer | undefined;
      stream.on("data", (chunk: Buffer) => {
        received = received ? Buffer.concat([received, chunk]) : chunk;
      });
      stream.on("end", () => {
        const request = decodeRequest(unframe(received));
        stream.on("wantTrailers", () => stream.sendTrailers(okTrailers));
        stream.respond(responseHeaders as unknown as http2.OutgoingHttpHeaders, respondOptions);
        stream.end(frame(encodeResponse(answerOrder(request))));
      });
      stream.on("error", () => stream.destroy());
    });
    return { port: await listenOnLoopback(server), close };
  },

  async connect(port) {
    const session = http2.connect(`http://127.0.0.1:${port}`, { settings });
    await once(session, "connect");
    session.setLocalWindowSize(windowBytes);
    // An even array is a raw header list: Node takes it as it is and checks no object per call.
    const headers = [
      ":method",
      "POST",
      ":scheme",
      "http",
      ":path",
      placeOrderPath,
      ":authority",
      `127.0.0.1:${port}`,
      "content-type",
      "application/grpc",
      "te",
      "trailers",
    ]; // prettier-ignore
    return {
      call: (request) =>
        new Promise<PlaceOrderResponse>((resolve, reject) => {
          const stream = session.request(headers, requestOptions);
          let httpStatus: number | undefined;
          let grpcStatus: unknown;
          let received: Buffer | undefined;
          stream.on("response", (answer) => {
            httpStatus = answer[":status"];
            grpcStatus = answer["grpc-status"];
          });
          stream.on("trailers", (trailers) => {
            grpcStatus = trailers["grpc-status"];
          });
          stream.on("data", (chunk: Buffer) => {
            received = received ? Buffer.concat([received, chunk]) : chunk;
          });
          stream.on("end", () => {
            if (httpStatus === 200 && grpcStatus === "0") resolve(decodeResponse(unframe(received)));
            else reject(new Error(`node-http2 answered HTTP ${httpStatus}, gRPC ${String(grpcStatus)}`));
          });
          stream.on("error", reject);
          stream.end(frame(encodeRequest(request)));
        }),
      close: async () => session.destroy(),
    };
  },
};

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

function unframe(framed: Buffer | undefined): Buffer {
  if (!framed || framed.length < prefixBytes || framed[0] !== 0)
    throw new Error("not one plain gRPC message");
  if (framed.readUInt32BE(1) !== framed.length - prefixBytes) throw new Error("not one whole gRPC message");
  return framed.subarray(prefixBytes);
}
