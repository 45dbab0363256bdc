/** Who chooses the instance. All speak gRPC to the same servers. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { createTransport } from "heddle";
import type { BalancerPolicyName } from "heddle/balance";
import { BlobService, EchoRequestSchema, EchoResponseSchema } from "../../gen/bench/v1/blobs_pb.ts";
import { asBuffer } from "../../harness/as-buffer.ts";

export const contestantNames = [
  "heddle default",
  "heddle round_robin",
  "heddle least_request",
  "grpc-js round_robin",
  "nginx least_conn",
] as const;
export type ContestantName = (typeof contestantNames)[number];

export interface Fleet {
  /** `host:port` of each instance. */
  readonly addresses: readonly string[];
  /** Of nginx in front of them. */
  readonly proxy: string;
}

export interface Calls {
  /** Resolves when the call was answered in time. */
  call(): Promise<void>;
  close(): void;
}

export function connect(name: ContestantName, { addresses, proxy }: Fleet, timeoutMs: number): Calls {
  const target = `static:///${addresses.join(",")}`;
  switch (name) {
    case "heddle default":
      return connectHeddle(target, "default", timeoutMs);
    case "heddle round_robin":
      return connectHeddle(target, "round_robin", timeoutMs);
    case "heddle least_request":
      return connectHeddle(target, "least_request", timeoutMs);
    case "grpc-js round_robin":
      return connectGrpcJs(addresses, timeoutMs);
    case "nginx least_conn":
      return connectHeddle(proxy, "pick_first", timeoutMs);
  }
}

function connectHeddle(target: string, balancer: BalancerPolicyName, timeoutMs: number): Calls {
  const transport = createTransport({ target, balancer });
  const client = createClient(BlobService, transport);
  return {
    call: async () => {
      await client.echo({}, { timeoutMs });
    },
    close: () => transport.close("now"),
  };
}

function connectGrpcJs(addresses: readonly string[], timeoutMs: number): Calls {
  const client = new grpc.Client(`ipv4:${addresses.join(",")}`, grpc.credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  });
  const { typeName, method } = BlobService;
  const path = `/${typeName}/${method.echo.name}`;
  const request = asBuffer(
    toBinary(EchoRequestSchema, { $typeName: "bench.v1.EchoRequest", blob: new Uint8Array() }),
  );
  return {
    call: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          (bytes: Buffer) => bytes,
          (bytes) => fromBinary(EchoResponseSchema, bytes),
          request,
          { deadline: Date.now() + timeoutMs },
          (error) => (error ? reject(error) : resolve()),
        );
      }),
    close: () => client.close(),
  };
}
