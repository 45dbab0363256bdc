/**
 * gRPC on `node:http2` by hand: what a careful author gets out of Node's own HTTP/2 without a library.
 *
 * The core API ('stream' events, no compatibility layer), raw header arrays in both directions, one
 * write per message with its five-byte prefix in place, windows too large to matter, many concurrent
 * streams, one session. It checks what gRPC demands of a unary call (status 200, one whole message,
 * `grpc-status: 0` in the trailers) and nothing more: no deadline, no metadata, no retry.
 */
import type { PlaceOrderResponse } from "../../gen/bench/v1/orders_pb.ts";
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
import {
  answerOrder,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  placeOrderPath,
} from "../codec.ts";
import type { RpcPeer } from "../suite.ts";

const requestOptions = { endStream: false };

export const peer: RpcPeer = {
  startServer: () =>
    serveByHand(placeOrderPath, (stream) => {
      let received: Buffer | undefined;
      stream.on("data", (chunk: Buffer) => {
        received = received ? Buffer.concat([received, chunk]) : chunk;
      });
      stream.on("end", () => {
        const request = decodeRequest(unframe(received));
        stream.on("wantTrailers", () => stream.sendTrailers(okTrailers));
        stream.respond(responseHeaders as never, respondOptions);
        stream.end(frame(encodeResponse(answerOrder(request))));
      });
    }),

  async connect(port) {
    const session = await connectByHand(port);
    const headers = rawRequestHeaders(placeOrderPath, port);
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

function unframe(framed: Buffer | undefined): Buffer {
  if (!framed || framed.length < prefixBytes || framed[0] !== 0)
    throw new Error("not one plain gRPC message");
  if (framed.readUInt32BE(1) !== framed.length - prefixBytes) throw new Error("not one whole gRPC message");
  return framed.subarray(prefixBytes);
}
