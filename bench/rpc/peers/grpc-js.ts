/**
 * `@grpc/grpc-js` with its defaults, one client (one connection). The codec is
 * protobuf-es through grpc-js's own seam for it (serialize and deserialize of a method definition),
 * so that the codec is the same for all peers; everything else is the library's.
 */
import * as grpc from "@grpc/grpc-js";
import type { PlaceOrderRequest, PlaceOrderResponse } from "../../gen/bench/v1/orders_pb.ts";
import { asBuffer } from "../../harness/as-buffer.ts";
import { bindGrpcJs } from "../../harness/bind-grpc-js.ts";
import type { PeerCertificates } from "../../harness/suite.ts";
import {
  answerOrder,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  placeOrderPath,
} from "../codec.ts";
import type { RpcPeer } from "../suite.ts";

const definition = {
  placeOrder: {
    path: placeOrderPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: (request: PlaceOrderRequest) => asBuffer(encodeRequest(request)),
    requestDeserialize: decodeRequest,
    responseSerialize: (response: PlaceOrderResponse) => asBuffer(encodeResponse(response)),
    responseDeserialize: decodeResponse,
  },
} satisfies grpc.ServiceDefinition;

export const peer: RpcPeer = {
  async startServer({ tls }) {
    const server = new grpc.Server();
    const placeOrder: grpc.handleUnaryCall<PlaceOrderRequest, PlaceOrderResponse> = (call, callback) =>
      callback(null, answerOrder(call.request));
    server.addService(definition, { placeOrder });
    return bindGrpcJs(server, serverCredentials(tls));
  },

  async connect(port, { tls }) {
    const client = new grpc.Client(`127.0.0.1:${port}`, clientCredentials(tls));
    const { path, requestSerialize, responseDeserialize } = definition.placeOrder;
    return {
      call: (request) =>
        new Promise<PlaceOrderResponse>((resolve, reject) => {
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) => {
            if (response) resolve(response);
            else reject(error ?? new Error("grpc-js answered with neither an error nor a message"));
          });
        }),
      close: async () => client.close(),
    };
  },
};

function serverCredentials(tls: PeerCertificates | undefined): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) };
  return grpc.ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], true);
}

function clientCredentials(tls: PeerCertificates | undefined): grpc.ChannelCredentials {
  if (tls === undefined) return grpc.credentials.createInsecure();
  return grpc.credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert));
}
