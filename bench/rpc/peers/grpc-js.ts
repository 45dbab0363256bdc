/**
 * `@grpc/grpc-js` with its defaults, insecure credentials, one client (one connection). The codec is
 * protobuf-es through grpc-js's own seam for it (serialize and deserialize of a method definition),
 * so that the codec is the same for all peers; everything else is the library's.
 */
import * as grpc from "@grpc/grpc-js";
import type { PlaceOrderRequest, PlaceOrderResponse } from "../../gen/bench/v1/orders_pb.ts";
import { asBuffer } from "../../harness/as-buffer.ts";
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
  async startServer() {
    const server = new grpc.Server();
    const placeOrder: grpc.handleUnaryCall<PlaceOrderRequest, PlaceOrderResponse> = (call, callback) =>
      callback(null, answerOrder(call.request));
    server.addService(definition, { placeOrder });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return { port, close: async () => server.forceShutdown() };
  },

  async connect(port) {
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
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
