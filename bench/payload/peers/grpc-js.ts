/** `@grpc/grpc-js` with its defaults and protobuf-es as its codec. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  BlobService,
  type EchoRequest,
  EchoRequestSchema,
  type EchoResponse,
  EchoResponseSchema,
} from "../../gen/bench/v1/blobs_pb.ts";
import { asBuffer } from "../../harness/as-buffer.ts";
import { bindGrpcJs } from "../../harness/bind-grpc-js.ts";
import type { PayloadPeer } from "../suite.ts";

const definition = {
  echo: {
    path: `/${BlobService.typeName}/${BlobService.method.echo.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (request: EchoRequest) => asBuffer(toBinary(EchoRequestSchema, request)),
    requestDeserialize: (bytes: Buffer) => fromBinary(EchoRequestSchema, bytes),
    responseSerialize: (response: EchoResponse) => asBuffer(toBinary(EchoResponseSchema, response)),
    responseDeserialize: (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes),
  },
} satisfies grpc.ServiceDefinition;

export const peer: PayloadPeer = {
  async startServer() {
    const server = new grpc.Server();
    const echo: grpc.handleUnaryCall<EchoRequest, EchoResponse> = (call, callback) =>
      callback(null, create(EchoResponseSchema, { blob: call.request.blob }));
    server.addService(definition, { echo });
    return bindGrpcJs(server);
  },

  async connect(port) {
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = definition.echo;
    return {
      echo: (request) =>
        new Promise<EchoResponse>((resolve, reject) => {
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) => {
            if (response) resolve(response);
            else reject(error ?? new Error("grpc-js answered with neither an error nor a message"));
          });
        }),
      close: async () => client.close(),
    };
  },
};
